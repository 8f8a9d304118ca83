"""A small project to scan and release, and broken copies of it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.engine.client import FIXTURES, Called, Dagger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SOUND = "certifi==2024.12.14"
VULNERABLE = "certifi==2022.12.7"
COMMIT = "5a6df720540c20d95d530d3fd6885511223d5d20"
CREATED = "2026-03-01T10:00:00Z"
ORIGIN = ("--commit", COMMIT, "--created", CREATED)


@dataclass(frozen=True)
class Shop:
    """A copy of the fixture, and calls of this repository's module on it."""

    dagger: Dagger
    folder: Path

    def call(self, *words: str) -> Called:
        return self.dagger.call("--source", str(self.folder), *words)

    def scan(self, *words: str) -> Called:
        return self.call(*database(), "scan", *words)

    def report(self, *words: str) -> Called:
        return self.call(*database(), "report", *words)

    def published(
        self, function: str, host: str, ref: str, *words: str, access: Sequence[str] = (), target: str = ""
    ) -> Called:
        """Publish or release to a registry on this machine; `target` is a second one, to promote to."""
        registry = ["registry", "--address", f"{host}/team", "--service", f"tcp://{host}", *access]
        if target:
            registry += ["with-target", "--address", f"{target}/live", "--service", f"tcp://{target}"]
        return self.call(*database(), *registry, function, *ORIGIN, "--ref", ref, *words)


def shop(dagger: Dagger, folder: Path, requirement: str = SOUND) -> Shop:
    """Return a copy of the fixture whose image has this package."""
    shutil.copytree(FIXTURES / "shop", folder)
    (folder / "shop" / "requirements.txt").write_text(requirement + "\n")
    return Shop(dagger, folder)


def database() -> list[str]:
    """Return the options for Trivy's database in a closed network."""
    registry = os.environ.get("CI_REGISTRY")
    return ["--database-registry", f"tcp://{registry}"] if registry else []
