"""The gates of one commit on a machine that starts empty, as a hosted runner does, and those of the peer.

Each run has an engine without any cache, in a network namespace of its own. Its registry has the tool images,
and the layers and the evidence of the first run. The start of the engine is not counted. The peer has a
Docker without any image, and its layers in a registry.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airgap.errors import AirgapError
from bench import cases
from bench.measure import spread
from bench.peer import project
from bench.peer.runner import REGISTRY, Runner
from tests.airgap.site import ALL, linked, site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.airgap.site import Site

_LIMIT = 1800  # seconds of one run
_CACHE = "127.0.0.1:5000/bench/cache"
FIRST, LAYERS = "nothing is known", "nothing changed, layers alone"
# What the peer does as well: it knows nothing but layers.
_PEER = ("nothing changed", "one line changed")
# Two machines share what one did in FIRST, and a third puts it together: the longer part and the last job.
SHARED = "nothing is known, two machines"
_KNOWN: dict[str, tuple[Callable[[Path, int], None], tuple[str, ...]]] = {
    "nothing changed": (cases.nothing, ()),
    "README changed": (cases.readme, ()),
    "one line changed": (cases.source_line, ()),
    LAYERS: (cases.nothing, ("--fresh",)),
}


def measure(repeat: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return seconds of all gates from an empty engine and from the peer's empty Docker, with spread."""
    numbers = itertools.count(int(time.time()))
    peers_cache = f"{REGISTRY}/bench-peer-{next(numbers)}/cache"
    with (
        tempfile.TemporaryDirectory() as name,
        Runner(say, peers_cache) as peer,
        site(*ALL) as place,
        linked(place),
    ):
        sitting = _Sitting(place, peer, Path(name), numbers, say)
        sitting.first()
        for turn in range(repeat):
            # The others take long and vary little.
            for title in _KNOWN if turn == 0 else _PEER:
                sides = [sitting.ours, *([sitting.of_peer] if title in _PEER else [])]
                for side in sides if turn % 2 == 0 else reversed(sides):
                    side(title)
    return {"rows": {title: spread(found, 1) for title, found in sitting.seconds.items()}, "exceeded": []}


@dataclass
class _Sitting:
    """Both sides, and the seconds that each of their runs took."""

    place: Site
    peer: Runner
    folder: Path
    numbers: Iterator[int]
    say: Callable[[str], None]
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def first(self) -> None:
        """Run both with nothing known, writing their caches, and then ours on two machines."""
        self._took(_of_peer(FIRST), self.peer.gates(cases.nothing, next(self.numbers), writes=True))
        source = self.folder / "first"
        _clone(source)
        self.place.up()
        self._took(FIRST, _gate(self.place, source, _CACHE, "--cache-write"))
        self._took(SHARED, _shared(self.place, source, self.say))

    def ours(self, title: str) -> None:
        """Empty our engine, make the change in a new checkout, and run the gates."""
        edit, options = _KNOWN[title]
        source = self.folder / str(next(self.numbers))
        _clone(source)
        edit(source, next(self.numbers))
        _empty(self.place)
        self._took(title, _gate(self.place, source, _CACHE, *options))

    def of_peer(self, title: str) -> None:
        """Do the same with the peer."""
        self._took(_of_peer(title), self.peer.gates(_KNOWN[title][0], next(self.numbers)))

    def _took(self, title: str, seconds: float) -> None:
        self.seconds.setdefault(title, []).append(seconds)
        self.say(f"runner: {title}: {seconds:.1f} s")


def _of_peer(title: str) -> str:
    return f"{title}, peer"


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
