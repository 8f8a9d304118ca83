"""The gates of one commit on a machine that starts empty, as a hosted runner does.

Each run has an engine without any cache, in a network namespace of its own. Its registry has the tool images,
and the layers and the evidence of the first run. The start of the engine is not counted.
"""

from __future__ import annotations

import json
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
_CACHE = "127.0.0.1:5000/bench/cache"
FIRST, LAYERS = "nothing is known", "nothing changed, layers alone"
# Two machines share what one did in FIRST, and a third puts it together: the longer part and the last job.
SHARED = "nothing is known, two machines"
_KNOWN: dict[str, tuple[Callable[[Path, int], None], tuple[str, ...]]] = {
    "nothing changed": (cases.nothing, ()),
    "README changed": (cases.readme, ()),
    "one line changed": (cases.source_line, ()),
    LAYERS: (cases.nothing, ("--fresh",)),
}


def measure(repeat: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return seconds of `gate` from an empty engine, with spread."""
    seconds: dict[str, list[float]] = {FIRST: [], SHARED: [], **{title: [] for title in _KNOWN}}
    with tempfile.TemporaryDirectory() as name, site(*ALL) as place, linked(place):
        source = Path(name) / "first"
        _clone(source)
        place.up()
        seconds[FIRST].append(_gate(place, source, _CACHE, "--cache-write"))
        say(f"runner: {FIRST}: {seconds[FIRST][-1]:.1f} s")
        seconds[SHARED].append(_shared(place, source, say))
        for turn in range(repeat):
            for title, (edit, options) in _KNOWN.items():
                source = Path(name) / f"{turn}-{title.replace(' ', '-')}"
                _clone(source)
                edit(source, int(time.time()))
                _empty(place)
                seconds[title].append(_gate(place, source, _CACHE, *options))
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


def _shared(place: Site, source: Path, say: Callable[[str], None]) -> float:
    """Return how long two machines and a last one need, each with an empty engine and one repository."""
    parts = json.loads(_called(place, source, _CACHE, "shards", "--count", "2"))
    cache, seconds = f"{_CACHE}-shared", []
    for words in (*(("--only", part["only"]) for part in parts), ()):
        _empty(place)
        seconds.append(_gate(place, source, cache, "--cache-write", after=words))
        say(f"runner: {SHARED}: {' '.join(words) or 'the last'}: {seconds[-1]:.1f} s")
    *shards, last = seconds
    return max(shards) + last


def _gate(place: Site, source: Path, cache: str, *options: str, after: tuple[str, ...] = ()) -> float:
    began = time.monotonic()
    _called(place, source, cache, *options, "gate", *after)
    return time.monotonic() - began


def _called(place: Site, source: Path, cache: str, *words: str) -> str:
    """Call a function of the module in the source, for the source."""
    where = ("-m", str(source), "--source", str(source), "--cache", cache)
    with place.start(*place.dagger("--progress=plain", "call", *where, *words)) as running:
        printed, said = running.communicate(timeout=_LIMIT)
    if running.returncode:
        raise AirgapError(said)
    return printed
