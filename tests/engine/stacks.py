"""Run stacks of fixtures and return their logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Called, Dagger

PYTHON = "python:3.13-slim-trixie"


def logs(dagger: Dagger, project: Path, output: Path, *words: str) -> Called:
    """Run the project as a stack and export its logs."""
    return dagger.call("--source", str(project), "stack", *words, "logs", "export", "--path", str(output))
