"""What the stack makes of each key of the Compose model.

The table is in `rows.py`. The plan refuses what the table refuses, the report
says what it notes, docs/reference/compose-support.md is written from it, and
a test holds it against the Compose specification's schema, so that no key is
dropped in silence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci.compose.rows import ROWS, Row, Status
from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["ROWS", "Note", "Row", "Status", "found", "notes"]

_EMPTY: tuple[Any, ...] = (None, "", [], {})
# Every path that has rows below it: those are looked at one by one.
_PARENTS = {
    ".".join(parts[:end]) for parts in (key.split(".") for key in ROWS) for end in range(1, len(parts))
}
_OUTER = re.compile(r"^top\.\w+(\.\*\.)?")
_RESOURCES = ("networks", "volumes", "secrets", "configs")


@dataclass(frozen=True)
class Note:
    """One key that has no effect here, said once for all that use it."""

    key: str
    users: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        return f"{self.key} ({', '.join(self.users)}): no effect here: {self.reason}"


def notes(services: Mapping[str, Mapping[str, Any]], model: Mapping[str, Any] | None = None) -> list[Note]:
    """Return the notes on these services and on what they use of the model's other parts.

    What is refused is one error for all. Raises `PipelineError`.
    """
    noted: dict[str, list[str]] = {}
    refused: list[str] = []
    for user, key in found(services, model or {}):
        row = ROWS.get(key)
        place = f"{user}.{_OUTER.sub('', key)}".removesuffix(".")
        if row is None:
            refused.append(f"{place}: not known to this version")
        elif row.status is Status.REFUSED:
            refused.append(f"{place}: {row.text}")
        elif row.status is Status.NOTED:
            name = user.removeprefix("services.")
            if name not in noted.setdefault(key, []):
                noted[key].append(name)
    if refused:
        refused = list(dict.fromkeys(refused))
        raise PipelineError(
            f"{len(refused)} key(s) of the compose file cannot be honoured here",
            details="\n".join(refused),
            next_step="change them, or leave the service out with --only or a profile",
        )
    return [Note(key, tuple(users), ROWS[key].text) for key, users in sorted(noted.items())]


def found(services: Mapping[str, Mapping[str, Any]], model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (who, key of the table) for each key that says something.

    `*` in a key stands for a name that the file chose or a place in a list; a
    value that makes a difference is behind its key in brackets.
    """
    for name, service in services.items():
        yield from ((f"services.{name}", key) for key in _keys("", service))
    yield from ((kind, f"top.{kind}") for kind in ("jobs", "models") if model.get(kind))
    for kind in _RESOURCES:
        used = {name for service in services.values() for name in _used(kind, service)}
        for name, item in (model.get(kind) or {}).items():
            if name in used:
                yield from (
                    (f"{kind}.{name}", key)
                    for key in _keys(f"top.{kind}.*", {k: v for k, v in (item or {}).items() if k != "name"})
                )


def _used(kind: str, service: Mapping[str, Any]) -> Iterator[str]:
    for item in service.get(kind) or ():
        yield item if isinstance(item, str) else item.get("source") or ""
    if kind == "secrets":
        yield from (item.get("source") or "" for item in (service.get("build") or {}).get("secrets") or ())


def _keys(path: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - a value of Compose's JSON
    """Yield the keys at and below a path."""
    if path in _VALUES:
        yield from (f"{path}[{case}]" for case in _VALUES[path](value))
    if path and path not in _PARENTS:
        yield path
    elif isinstance(value, list):
        for item in value:
            yield from _keys(f"{path}.*", item)
    elif isinstance(value, dict):
        named = f"{path}.*" in _PARENTS or f"{path}.*" in ROWS
        for key, item in value.items():
            if (item in _EMPTY or item is False) and not (named and path != ""):
                continue
            if key.startswith("x-") and not named:
                continue
            yield from _keys(".".join(filter(None, (path, "*" if named else key))), item)
    elif value not in _EMPTY:
        yield path


def _security(options: list[str]) -> Iterator[str]:
    if any(not option.startswith("no-new-privileges") for option in options):
        yield "a profile"


def _published(port: Mapping[str, Any]) -> Iterator[str]:
    published = str(port.get("published") or "")
    if published and port.get("protocol") not in (None, "tcp"):
        yield "udp"
    if not published:
        yield "no host port"


def _mounted(mount: Mapping[str, Any]) -> Iterator[str]:
    if mount["type"] == "bind" and not mount.get("read_only"):
        yield "writable bind"
    if mount["type"] not in ("bind", "volume", "tmpfs"):
        yield mount["type"] if f"volumes.*[{mount['type']}]" in ROWS else "unknown type"


def _network_mode(mode: str) -> Iterator[str]:
    kind = mode.partition(":")[0]
    if kind not in ("none", "bridge"):
        yield kind if f"network_mode[{kind}]" in ROWS else "unknown"


def _hosts(items: list[str]) -> Iterator[str]:
    if any(item.endswith("host-gateway") for item in items):
        yield "host-gateway"


def _unless(*ordinary: Any) -> Callable[[Any], Iterator[str]]:  # noqa: ANN401 - as above
    """Return a reader that tells values which are not the ordinary ones."""

    def cases(value: Any) -> Iterator[str]:  # noqa: ANN401 - as above
        if value not in ordinary:
            yield "another"

    return cases


# Keys of which one value is another thing than the others.
_VALUES: dict[str, Callable[[Any], Iterator[str]]] = {
    "security_opt": _security,
    "ports.*": _published,
    "ports.*.mode": _unless("ingress"),
    "volumes.*": _mounted,
    "network_mode": _network_mode,
    "extra_hosts": _hosts,
    "top.networks.*.driver": _unless("bridge", "default"),
    "top.volumes.*.driver": _unless("local"),
}
