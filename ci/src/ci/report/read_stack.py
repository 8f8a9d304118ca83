"""Read when containers started and became healthy from Docker's events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from ci.report.model import Life

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["events", "lives"]

_LABEL = "com.docker.compose."
_HEALTHY = "health_status: healthy"


class _Actor(Struct, frozen=True, rename="pascal"):
    """The container of an event; its attributes are its labels."""

    attributes: dict[str, str] = {}


class _Event(Struct, frozen=True):
    """An event of Docker's Engine."""

    action: str = msgspec.field(name="Action")
    actor: _Actor = msgspec.field(name="Actor")
    nanoseconds: int = msgspec.field(name="timeNano")

    @property
    def seconds(self) -> float:
        """When it happened, as seconds since the epoch."""
        return self.nanoseconds / 1e9

    @property
    def container(self) -> str:
        """The name of the container, as its log has it; empty for one that belongs to no service."""
        labels = self.actor.attributes
        if labels.get(f"{_LABEL}oneoff") == "True":
            return ""
        number = labels.get(f"{_LABEL}container-number", "1")
        return labels.get(f"{_LABEL}service", "") + ("" if number == "1" else f"-{number}")


def events(path: Path) -> list[_Event]:
    """Read the events, in their order; none if the file does not exist."""
    return msgspec.json.decode(path.read_bytes(), type=list[_Event]) if path.is_file() else []


def lives(events: list[_Event]) -> dict[str, Life]:
    """Return each container's life by name."""
    times: dict[str, dict[str, float]] = {}
    for event in events:
        if event.container:
            offset = round(event.seconds - events[0].seconds, 2)
            action = event.action if event.action == _HEALTHY else event.action.partition(":")[0]
            # The first of each: a restarted container began when it first did, and ended when it last did.
            seen = times.setdefault(event.container, {})
            seen[action] = offset if action == "die" else seen.get(action, offset)
    return {
        name: Life(name, seen["start"], seen.get(_HEALTHY), seen.get("die"))
        for name, seen in sorted(times.items())
        if "start" in seen
    }
