"""Find paths that only work on Windows: elsewhere a backslash is a character of a name, also for Compose."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ci.container_scripts.compose_command import Json


def of_windows(model: Json, files: dict[str, list[Json]], folder: Path) -> list[Json]:
    """Return the places with a path that contains a backslash and does not exist."""
    found = [
        *_of_services(model.get("services") or {}, folder),
        *_of_objects(model),
        *(
            (f"services.{name}.env_file", file["path"], "")
            for name, listed in files.items()
            for file in listed
        ),
    ]
    return [
        {"place": place, "path": path.removeprefix(f"{folder}/")}
        for place, path, root in found
        if "\\" in path and not os.path.lexists(folder / root / path)
    ]


def _of_services(services: Json, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield a place, the path there, and the folder that the path is relative to."""
    for name, service in services.items():
        place = f"services.{name}"
        for mount in service.get("volumes") or ():
            yield f"{place}.volumes", mount.get("source", ""), ""
        build = service.get("build") or {}
        context = build.get("context", "")
        yield f"{place}.build.context", context, ""
        yield f"{place}.build.dockerfile", build.get("dockerfile", ""), str(folder / context)
        for more in (build.get("additional_contexts") or {}).values():
            yield f"{place}.build.additional_contexts", more, ""


def _of_objects(model: Json) -> Iterator[tuple[str, str, str]]:
    for kind in ("secrets", "configs"):
        for name, item in (model.get(kind) or {}).items():
            yield f"{kind}.{name}.file", (item or {}).get("file", ""), ""
    for name, item in (model.get("volumes") or {}).items():
        device = ((item or {}).get("driver_opts") or {}).get("device", "")
        yield f"volumes.{name}.driver_opts.device", device, ""
