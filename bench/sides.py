"""The two sides: this pipeline on its engine, and the peer's script on Docker; each in a copy of its own."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from airgap.errors import AirgapError
from bench.peer import project
from bench.peer.docker import REGISTRY, Docker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CREATED = "2026-01-01T00:00:00Z"


class Side(Protocol):
    """One of the two: its copy of the repository, what is run there, and how its caches are emptied."""

    name: str
    folder: Path

    def prepare(self) -> None:
        """Make the copy, and have everything run that a pipeline needs."""

    def command(self, number: int) -> list[str]:
        """Return what is run for a commit of that number."""

    def empty(self) -> None:
        """Empty every cache; base images are pulled again."""


@dataclass
class Ours:
    """`dagger call publish`, all gates before it, to the registry on this machine."""

    folder: Path
    registry: str
    name: str = "ours"

    def prepare(self) -> None:
        """Make the copy."""
        if "_EXPERIMENTAL_DAGGER_RUNNER_HOST" not in os.environ and "CI_ENGINE_CHOSEN" not in os.environ:
            raise AirgapError(
                "no engine is chosen", hint='run make bench, or eval "$(python3 -m airgap env)"'
            )
        project.checkout(self.folder)

    def command(self, number: int) -> list[str]:
        """Return the call."""
        service = f"tcp://{self.registry}"
        return [
            *("dagger", "--progress=plain", "call", "publish", "--registry", f"{self.registry}/bench"),
            *("--registry-service", service, "--database-registry", service),
            *("--ref", "refs/heads/main", "--commit", f"{number:040x}", "--created", _CREATED),
        ]

    def empty(self) -> None:
        """Empty the engine's cache, whoever else uses it."""
        text = "{ engine { localCache { prune } } }"
        subprocess.run(["dagger", "query"], input=text, text=True, check=True, capture_output=True)


@dataclass
class Peer:
    """`bench/peer/pipeline.sh`, with a registry of its own."""

    folder: Path
    registry: str
    docker: Docker
    name: str = "peer"

    def prepare(self) -> None:
        """Bring Docker up, with images, tools and the copy."""
        self.docker.up()
        project.equip(self.docker, self.registry)
        project.checkout(self.folder)
        project.prepare(self.docker, self.folder, self._tag(0))

    def command(self, number: int) -> list[str]:
        """Return the script's call in Docker's root and network."""
        words = project.pipeline(f"{REGISTRY}/bench", self._tag(number))
        return self.docker.command(words, folder=self.folder)

    def empty(self) -> None:
        """Empty the build cache, remove all images; loading the base images again is not measured."""
        self.docker.run("docker", "builder", "prune", "--all", "--force")
        self.docker.run("docker", "system", "prune", "--all", "--force", "--volumes")
        project.equip(self.docker, self.registry)

    def _tag(self, number: int) -> str:
        return f"sha-{number:07x}"


def change(sides: list[Side], edit: Callable[[Path, int], None], number: int) -> None:
    """Make the same change in each side's copy."""
    for side in sides:
        edit(side.folder, number)
