"""Volumes, tmpfs, secrets and configs of one service, from Compose's model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci.compose.model import inside
from ci.errors import PipelineError
from ci.stack import values

if TYPE_CHECKING:
    from ci.compose.model import Project, Service

__all__ = ["File", "Mount", "files", "mounts", "tmpfs"]

# Options of a tmpfs that say what it is without them.
_ORDINARY = {"rw", "noexec", "nosuid", "nodev"}


@dataclass(frozen=True)
class Mount:
    """One mount: a named or anonymous volume, or a copy of a path of the project.

    `filled` says that content of the image at the target fills it while it is empty.
    """

    target: str
    volume: str = ""
    path: str = ""
    read_only: bool = False
    subpath: str = ""
    filled: bool = True


@dataclass(frozen=True)
class File:
    """A secret or config: where it goes, with which owner and mode, and where it comes from."""

    target: str
    variable: str = ""
    path: str = ""
    content: str = ""
    owner: str = ""
    mode: int = 0o444
    secret: bool = False


def mounts(project: Project, service: Service) -> list[Mount]:
    """Return the volumes and bind mounts; a path outside of the project is an error."""
    found = []
    for number, item in enumerate(service.raw.get("volumes") or ()):
        kind, target = item["type"], item["target"]
        read_only = bool(item.get("read_only"))
        if kind == "volume":
            options = item.get("volume") or {}
            volume = item.get("source") or f"anonymous-{service.name}-{number}"
            subpath = str(options.get("subpath", "")).strip("/")
            if ".." in subpath.split("/"):
                raise PipelineError(
                    f"service '{service.name}': volume.subpath '{subpath}' leaves the volume",
                    next_step="name a folder inside it",
                )
            filled = not options.get("nocopy") and not subpath
            found.append(Mount(target, volume=volume, read_only=read_only, subpath=subpath, filled=filled))
        elif kind == "bind":
            where = f"service '{service.name}': the bind mount of {item['source']}"
            found.append(
                Mount(target, path=inside(where, project.folder, item["source"]), read_only=read_only)
            )
    return found


def tmpfs(service: Service) -> list[dict[str, Any]]:
    """Return the init's tmpfs mounts, /dev/shm among them."""
    raw = service.raw
    found = [_short(service.name, text) for text in raw.get("tmpfs") or ()]
    for item in raw.get("volumes") or ():
        if item["type"] == "tmpfs":
            given = item.get("tmpfs") or {}
            found.append(
                {
                    "target": item["target"],
                    "size": values.size(given.get("size")),
                    "mode": int(given.get("mode") or 0),
                }
            )
    if raw.get("shm_size"):
        found.append({"target": "/dev/shm", "size": values.size(raw["shm_size"]), "mode": 0o1777})  # noqa: S108 - it is the key's
    return found


def _short(service: str, text: str) -> dict[str, Any]:
    target, _, options = text.partition(":")
    mount: dict[str, Any] = {"target": target, "size": 0, "mode": 0, "exec": False}
    for option in filter(None, options.split(",")):
        name, _, value = option.partition("=")
        try:
            if name == "exec":
                mount["exec"] = True
            elif name == "size":
                mount["size"] = values.bytes_of(value)
            elif name == "mode":
                mount["mode"] = int(value, 8)
            elif name in ("uid", "gid"):
                mount[name] = int(value)
            elif name not in _ORDINARY:
                raise _refused(service, target, option)
        except ValueError:
            raise _refused(service, target, option) from None
    return mount


def _refused(service: str, target: str, option: str) -> PipelineError:
    return PipelineError(
        f"service '{service}': tmpfs {target}: the option '{option}' cannot be honoured here",
        next_step="use size=64m, mode=1777, uid=, gid= and exec",
    )


def files(project: Project, service: Service) -> list[File]:
    """Return the secrets and configs of a service."""
    return [
        _file(project, service, kind, item)
        for kind in ("secrets", "configs")
        for item in service.raw.get(kind) or ()
    ]


def _file(project: Project, service: Service, kind: str, item: dict[str, Any]) -> File:
    definition = (project.raw.get(kind) or {}).get(item["source"]) or {}
    folder = "/run/secrets/" if kind == "secrets" else "/"
    target = item.get("target") or item["source"]
    # As Docker: a file of the host keeps its owner and mode, what is copied has those asked for.
    path = definition.get("file", "")
    owner = "" if path else f"{item.get('uid') or 0}:{item.get('gid') or 0}"
    mode = 0 if path else int(str(item.get("mode") or "444"), 8)
    where = f"service '{service.name}': {kind}.{item['source']}, the file {path},"
    return File(
        target=target if target.startswith("/") else folder + target,
        variable=definition.get("environment", ""),
        path=inside(where, project.folder, path) if path else "",
        content=definition.get("content", ""),
        owner=owner,
        mode=mode,
        secret=kind == "secrets",
    )
