"""The two sides: this pipeline on its engine, and the peer's script on Docker, each in its own copies."""

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
COMPOSE = "docker/compose-bin:v5.6.0"  # installed in Docker as a plugin
# The parts of the job that can run separately on both sides.
STEPS = ("all", "build", "scan", "push")


class Side(Protocol):
    """A side: its copies of the repository, its commands, and how its caches are emptied."""

    name: str
    folder: Path
    second: Path
    concurrent: bool
    before: Mapping[str, str]  # maps a step to the step that must run before it

    def prepare(self) -> None:
        """Create the copies, and start everything that the pipeline needs."""

    def command(self, number: int, step: str = "all", *, second: bool = False) -> list[str]:
        """Return the command for a commit of that number, in the first copy or in the second."""

    def empty(self) -> None:
        """Empty all caches, then pull the base images again, which is not measured."""


@dataclass
class Ours:
    """`dagger call registry … publish …` with all gates, to the registry on this machine."""

    folder: Path
    second: Path
    registry: str
    name: str = "ours"
    concurrent: bool = True
    # There is no push without the gates, whose results are cached.
    before: Mapping[str, str] = field(default_factory=lambda: {"scan": "build", "push": "all"})

    def prepare(self) -> None:
        """Create the copies."""
        if "_EXPERIMENTAL_DAGGER_RUNNER_HOST" not in os.environ and "CI_ENGINE_CHOSEN" not in os.environ:
            raise AirgapError(
                "no engine is chosen", hint='run make bench, or eval "$(python3 -m airgap env)"'
            )
        project.checkout(self.folder)
        project.checkout(self.second)

    def command(self, number: int, step: str = "all", *, second: bool = False) -> list[str]:
        """Return the `dagger call` command."""
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
        """Empty the engine's cache, even if others use it."""
        _query("{ engine { localCache { prune } } }")
        there = images_map(self.registry)
        for name in (*project.IMAGES, COMPOSE):
            _query(f'{{ container {{ from(address: "{there[name]}") {{ sync }} }} }}')


@dataclass
class Peer:
    """`bench/peer/pipeline.sh`, with its own registry."""

    folder: Path
    second: Path
    registry: str
    docker: Docker
    name: str = "peer"
    concurrent: bool = False  # both would publish the fixed ports of compose.yaml
    before: Mapping[str, str] = field(default_factory=lambda: {"scan": "build", "push": "build"})

    def prepare(self) -> None:
        """Start Docker and provide images, tools and copies."""
        self.docker.up()
        project.equip(self.docker, self.registry)
        for folder in (self.folder, self.second):
            project.checkout(folder)
            project.prepare(self.docker, folder, self._tag(0))

    def command(self, number: int, step: str = "all", *, second: bool = False) -> list[str]:
        """Return the command that runs the script in Docker's root and network."""
        words = project.pipeline(f"{REGISTRY}/{_prefix(number, step)}", self._tag(number), step)
        return self.docker.command(words, folder=self.second if second else self.folder)

    def empty(self) -> None:
        """Empty the build cache and remove all images."""
        self.docker.run("docker", "builder", "prune", "--all", "--force")
        self.docker.run("docker", "system", "prune", "--all", "--force", "--volumes")
        project.equip(self.docker, self.registry)

    def _tag(self, number: int) -> str:
        return f"sha-{number:07x}"


def _query(text: str) -> None:
    subprocess.run(["dagger", "query"], input=text, text=True, check=True, capture_output=True)


def _prefix(number: int, step: str) -> str:
    """Return the prefix in the registry. A separate push uses new repositories with existing layers."""
    return f"bench-{number}" if step == "push" else "bench"


def commit(number: int) -> str:
    """Return a commit id for a number, hashed because tags contain only its beginning."""
    return hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()


def change(sides: list[Side], edit: Callable[[Path, int], None], number: int) -> None:
    """Make the same change in each side's copy."""
    for side in sides:
        edit(side.folder, number)


def twice(side: Side, edit: Callable[[Path, int], None], number: int, step: str) -> list[str]:
    """Edit the second copy differently; return the command that runs both, in parallel if possible."""
    edit(side.second, number + 1)
    first, second = (shlex.join(side.command(n, step, second=n > number)) for n in (number, number + 1))
    if side.concurrent:
        return ["sh", "-c", f"{first} & one=$!; {second} && wait $one"]
    return ["sh", "-c", f"{first} && {second}"]
