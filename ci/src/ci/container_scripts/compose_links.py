"""Follow the symbolic links of what a project mounts, because the sandbox gets only files that it uses."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ci.container_scripts.compose_command import Json

_MOST = 40  # links on the way to one path, as in Linux


def links(model: Json, env_files: Iterable[str]) -> dict[str, list[str]]:
    """Return the links on the way to each path that containers use, and at the end the place it leads to."""
    found = {path: followed(path) for path in {*_paths(model), *env_files} if path.startswith("/")}
    return {path: places for path, places in sorted(found.items()) if places}


def followed(path: str) -> list[str]:
    """Return the links on the way to a path and the place it leads to; nothing if there is no link."""
    found: list[str] = []
    at, names = "/", deque(path.split("/"))
    while names:
        name = names.popleft()
        at = os.path.normpath(os.path.join(at, name))  # noqa: PTH118 - `..` after a link is its target's
        if os.path.islink(at) and len(found) < _MOST:  # noqa: PTH114 - as above
            found.append(at)
            target = os.readlink(at)  # noqa: PTH115 - as above
            names.extendleft(reversed(target.split("/")))
            at = "/" if target.startswith("/") else os.path.dirname(at)  # noqa: PTH120 - as above
    return [*found, at] if found else []


def _paths(model: Json) -> Iterator[str]:
    for service in model["services"].values():
        for mount in service.get("volumes") or ():
            if mount.get("type") == "bind":
                yield mount.get("source", "")
        yield from service.get("label_file") or ()
    for kind in ("secrets", "configs"):
        yield from ((item or {}).get("file", "") for item in (model.get(kind) or {}).values())
    for volume in (model.get("volumes") or {}).values():
        yield ((volume or {}).get("driver_opts") or {}).get("device", "")
