"""The gates of one commit on a machine that starts empty, as a hosted runner does.

Each run has an engine without any cache, in a network namespace of its own. Its registry has the tool images,
and the layers and the evidence of the first run. The start of the engine is not counted.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airgap.errors import AirgapError
from bench import cases
from bench.measure import spread
from bench.peer import project
from tests.airgap.site import ALL, linked, site

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.airgap.site import Site

_LIMIT = 1800  # seconds of one run
_CACHE = ("--cache", "127.0.0.1:5000/bench/cache")
FIRST, LAYERS = "nothing is known", "nothing changed, layers alone"
_KNOWN: dict[str, tuple[Callable[[Path, int], None], tuple[str, ...]]] = {
    "nothing changed": (cases.nothing, ()),
    "README changed": (cases.readme, ()),
    "one line changed": (cases.source_line, ()),
    LAYERS: (cases.nothing, ("--fresh",)),
}


def measure(repeat: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return seconds of `gate` from an empty engine, with spread."""
    seconds: dict[str, list[float]] = {FIRST: [], **{title: [] for title in _KNOWN}}
    with tempfile.TemporaryDirectory() as name, site(*ALL) as place, linked(place):
        source = Path(name) / "first"
        _clone(source)
        place.up()
        seconds[FIRST].append(_gate(place, source, "--cache-write"))
        say(f"runner: {FIRST}: {seconds[FIRST][-1]:.1f} s")
        for turn in range(repeat):
            for title, (edit, options) in _KNOWN.items():
                source = Path(name) / f"{turn}-{title.replace(' ', '-')}"
                _clone(source)
                edit(source, int(time.time()))
                _empty(place)
                seconds[title].append(_gate(place, source, *options))
                say(f"runner: {title}: {seconds[title][-1]:.1f} s")
    return {"rows": {title: spread(found, 1) for title, found in seconds.items()}, "exceeded": []}


def _clone(folder: Path) -> None:
    """Make a checkout with a commit of its own, as each job has."""
    project.checkout(folder)
    git = ("git", "-c", "user.name=bench", "-c", "user.email=bench@example.com", "-C", str(folder))
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", folder.name)):
        subprocess.run([*git, *words], check=True)


def _empty(place: Site) -> None:
    """Start the engine again without anything that it had; its registry keeps what it has."""
    if (done := place.airgap("down")).code:
        raise AirgapError(done.stderr)
    shutil.rmtree(place.state / "engine-root")
    place.up()


def _gate(place: Site, source: Path, *options: str) -> float:
    words = (
        "--progress=plain",
        "call",
        "-m",
        str(source),
        "--source",
        str(source),
        *_CACHE,
        *options,
        "gate",
    )
    began = time.monotonic()
    with place.start(*place.dagger(*words)) as running:
        _, said = running.communicate(timeout=_LIMIT)
    if running.returncode:
        raise AirgapError(said)
    return time.monotonic() - began
