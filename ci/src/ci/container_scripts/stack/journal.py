"""Follow the engine while the project runs: its events, and the containers' output."""

from __future__ import annotations

import json
import sys
import threading
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from ci.container_scripts.stack import engine

if TYPE_CHECKING:
    from collections.abc import Iterable
    from http.client import HTTPResponse

    from ci.container_scripts.stack.secrecy import Hidden

__all__ = ["Journal"]

_EVENTS = (
    *("create", "start", "die", "kill", "stop", "restart", "oom", "pause", "unpause", "destroy"),
    "health_status",
)


class Journal:
    """Follow a project: `events` contains all events so far, `changed` is set at each event."""

    def __init__(self, project: str, hidden: Hidden) -> None:
        self.events: list[dict[str, Any]] = []
        self.changed = threading.Event()
        self._hidden = hidden
        self._writing = threading.Lock()
        filters = {
            "type": ["container"],
            "event": list(_EVENTS),
            "label": [f"com.docker.compose.project={project}"],
        }
        self._stream = engine.open_stream("GET", "/events", filters=filters)
        threading.Thread(target=self._read, args=(self._stream,), daemon=True).start()

    def _read(self, stream: HTTPResponse) -> None:
        for line in stream:
            event = json.loads(line)
            self.events.append(event)
            if event["Action"] == "start" and _of_service(event):
                threading.Thread(target=self._follow, args=(event,), daemon=True).start()
            self.changed.set()

    def _follow(self, event: dict[str, Any]) -> None:
        labels = event["Actor"]["Attributes"]
        number = labels["com.docker.compose.container-number"]
        name = labels["com.docker.compose.service"] + ("" if number == "1" else f"-{number}")
        second, fraction = divmod(event["timeNano"], 10**9)
        # The first lines may be older than the start event.
        since = f"{second - 1}.{fraction:09d}" if self._first(event) else f"{second}.{fraction:09d}"
        try:
            self.show(name, engine.output(event["Actor"]["ID"], follow="1", since=since))
        except (engine.Refused, HTTPException, OSError) as error:
            self.show(name, [f"(its output cannot be read: {error})\n".encode()])

    def first_start(self, identity: str) -> float:
        """Return the time of a container's first start; 0 if it has not started."""
        starts = (e for e in self.events if e["Action"] == "start" and e["Actor"]["ID"] == identity)
        return next((event["timeNano"] / 10**9 for event in starts), 0.0)

    def _first(self, event: dict[str, Any]) -> bool:
        identity = event["Actor"]["ID"]
        starts = [e for e in self.events if e["Action"] == "start" and e["Actor"]["ID"] == identity]
        return starts[0] is event

    def show(self, name: str, pieces: Iterable[bytes]) -> None:
        """Print lines as they arrive, prefixed with the service's name, without secrets."""
        rest = b""
        for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            self._print(name, lines)
        self._print(name, [rest] if rest else [])

    def _print(self, name: str, lines: list[bytes]) -> None:
        with self._writing:
            for line in lines:
                print(f"{name} | {self._hidden.text(line.decode(errors='replace'))}", file=sys.stderr)
            sys.stderr.flush()


def _of_service(event: dict[str, Any]) -> bool:
    """Return whether a container belongs to a service, not to `compose run`, which shows its own output."""
    return bool(event["Actor"]["Attributes"].get("com.docker.compose.oneoff") != "True")
