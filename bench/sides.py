"""The two sides: this pipeline on its engine, and the peer's script on Docker; each in copies of its own."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from airgap.catalogue import images_map
from airgap.errors import AirgapError
from bench.peer import project
from bench.peer.docker import REGISTRY, Docker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_CREATED = "2026-01-01T00:00:00Z"
COMPOSE = "docker/compose-bin:v5.6.0"  # Docker has it as a plugin
# Of the whole job, what can be run by itself on both sides.
STEPS = ("all", "build", "scan", "push")


class Side(Protocol):
    """One of the two: its copies of the repository, what is run there, and how its caches are emptied."""

    name: str
    folder: Path
    second: Path
    together: str
    before: Mapping[str, str]  # step to the step whose work it goes on from

    def prepare(self) -> None:
        """Make the copies, and have everything run that a pipeline needs."""

    def command(self, number: int, step: str = "all", *, second: bool = False) -> list[str]:
        """Return what is run for a commit of that number, in the first copy or in the second."""

    def empty(self) -> None:
        """Empty every cache; then have the base images again, which is not measured."""


@dataclass
class Ours:
    """`dagger call publish`, all gates before it, to the registry on this machine."""

    folder: Path
    second: Path
    registry: str
    name: str = "ours"
    together: str = "side by side"
    # There is no push without the gates: what they found is kept.
    before: Mapping[str, str] = field(default_factory=lambda: {"scan": "build", "push": "all"})

    def prepare(self) -> None:
        """Make the copies."""
        if "_EXPERIMENTAL_DAGGER_RUNNER_HOST" not in os.environ and "CI_ENGINE_CHOSEN" not in os.environ:
            raise AirgapError(
                "no engine is chosen", hint='run make bench, or eval "$(python3 -m airgap env)"'
            )
        project.checkout(self.folder)
        project.checkout(self.second)

    def command(self, number: int, step: str = "all", *, second: bool = False) -> list[str]:
        """Return the call."""
        call = [
            "env",
            f"--chdir={self.second if second else self.folder}",
            "dagger",
            "--progress=plain",
            "call",
        ]
        if step in ("build", "scan"):
            return [*call, step]
        return [
            *(*call, "registry", "--address", f"{self.registry}/{_prefix(number, step)}"),
            *("--service", f"tcp://{self.registry}", "publish"),
            *("--ref", "refs/heads/main", "--commit", commit(number), "--created", _CREATED),
        ]

    def empty(self) -> None:
        """Empty the engine's cache, whoever else uses it."""
        _query("{ engine { localCache { prune } } }")
        there = images_map(self.registry)
        for name in (*project.IMAGES, COMPOSE):
            _query(f'{{ container {{ from(address: "{there[name]}") {{ sync }} }} }}')


@dataclass
class Peer:
    """`bench/peer/pipeline.sh`, with a registry of its own."""

    folder: Path
    second: Path
    registry: str
    docker: Docker
    name: str = "peer"
    together: str = "one after the other"  # both would want the ports that compose.yaml publishes
    before: Mapping[str, str] = field(default_factory=lambda: {"scan": "build", "push": "build"})

    def prepare(self) -> None:
        """Bring Docker up, with images, tools and the copies."""
        self.docker.up()
        project.equip(self.docker, self.registry)
        for folder in (self.folder, self.second):
            project.checkout(folder)
            project.prepare(self.docker, folder, self._tag(0))

    def command(self, number: int, step: str = "all", *, second: bool = False) -> list[str]:
        """Return the script's call in Docker's root and network."""
        words = project.pipeline(f"{REGISTRY}/{_prefix(number, step)}", self._tag(number), step)
        return self.docker.command(words, folder=self.second if second else self.folder)

    def empty(self) -> None:
        """Empty the build cache, remove all images."""
        self.docker.run("docker", "builder", "prune", "--all", "--force")
        self.docker.run("docker", "system", "prune", "--all", "--force", "--volumes")
        project.equip(self.docker, self.registry)

    def _tag(self, number: int) -> str:
        return f"sha-{number:07x}"


def _query(text: str) -> None:
    subprocess.run(["dagger", "query"], input=text, text=True, check=True, capture_output=True)


def _prefix(number: int, step: str) -> str:
    """Return where in the registry: a push by itself goes to new repositories, whose layers others have."""
    return f"bench-{number}" if step == "push" else "bench"


def commit(number: int) -> str:
    """Return a commit's id for a number: tags have the beginning of it only."""
    return hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()


def change(sides: list[Side], edit: Callable[[Path, int], None], number: int) -> None:
    """Make the same change in each side's copy."""
    for side in sides:
        edit(side.folder, number)


def twice(side: Side, edit: Callable[[Path, int], None], number: int, step: str) -> list[str]:
    """Change the second copy otherwise than the first; return what runs both, as the side can."""
    edit(side.second, number + 1)
    first, second = (shlex.join(side.command(n, step, second=n > number)) for n in (number, number + 1))
    if side.together == "side by side":
        return ["sh", "-c", f"{first} & one=$!; {second} && wait $one"]
    return ["sh", "-c", f"{first} && {second}"]
