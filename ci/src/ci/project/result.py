"""Types for the output of `container_scripts/compose_config.py`, which describes its keys."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from ci.errors import PipelineError

__all__ = ["ComposeResult", "read"]


class NamedFile(Struct, frozen=True):
    """An env file that a service names."""

    path: str


class MissingFile(Struct, frozen=True):
    """A place that uses a `.env` that does not exist."""

    place: str
    path: str
    required: bool


class Place(Struct, frozen=True):
    """A key of the compose file, and the path there."""

    place: str
    path: str


class ComposeResult(Struct, frozen=True):
    """A project that Compose has read, or why it was rejected."""

    error: str = ""
    env_file_error: str = ""
    model: dict[str, Any] = {}
    undoubled: dict[str, Any] = {}
    bake: dict[str, Any] = {}
    profiles: tuple[str, ...] = ()
    placeholders: dict[str, str] = {}
    plain: tuple[str, ...] = ()
    needed: dict[str, tuple[str, ...]] = {}
    random: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    used: dict[str, tuple[str, ...]] = {}
    env_files: dict[str, tuple[NamedFile, ...]] = {}
    from_files: dict[str, tuple[str, ...]] = {}
    missing: tuple[MissingFile, ...] = ()
    links: dict[str, tuple[str, ...]] = {}
    of_windows: tuple[Place, ...] = ()


def read(text: str) -> ComposeResult:
    """Read the program's output. Reject paths that only work on Windows."""
    found = msgspec.json.decode(text, type=ComposeResult)
    if found.of_windows:
        places = dict.fromkeys(f"{each.place}: {each.path}" for each in found.of_windows)
        raise PipelineError(
            "compose.windows-path",
            f"paths with backslashes only work on Windows: {', '.join(places)}",
            hint="write each relative to the compose file and with slashes, such as ./services/web: "
            "Compose accepts that on Windows too",
        )
    return found
