"""Decide whether a compose project is up, and which containers are the reason if it is not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Container", "Wanted", "problems", "read", "verdict"]

_HEALTHY, _COMPLETED = "service_healthy", "service_completed_successfully"


@dataclass(frozen=True)
class Container:
    """The engine's state of a container; times are seconds since the epoch, 0 = not yet.

    `health` is empty without a healthcheck, `probe` is the output of the last one. `began_at` is the first
    start, `started_at` the last one, because Docker restarts some containers repeatedly.
    """

    service: str
    number: int
    status: str
    exit_code: int
    error: str
    health: str
    probe: str
    restarts: int
    created_at: float
    began_at: float
    started_at: float
    finished_at: float

    @property
    def name(self) -> str:
        """The service's name, with a number after the first container."""
        return self.service if self.number == 1 else f"{self.service}-{self.number}"


@dataclass(frozen=True)
class Wanted:
    """The services to wait for; `settle` and `patience` are seconds.

    `services` is from the model. A container without a healthcheck is up after running for `settle`; a
    container is late after `patience`.
    """

    services: Mapping[str, Mapping[str, Any]]
    settle: float
    patience: float

    def waiting_for(self, service: str) -> dict[str, Mapping[str, Any]]:
        """Return the services that depend on a service, with their `depends_on` entries."""
        return {
            name: edge
            for name, item in self.services.items()
            for other, edge in (item.get("depends_on") or {}).items()
            if other == service
        }

    def condition(self, service: str) -> str:
        """Return the strictest condition on which another service waits, or ""."""
        found = {edge["condition"] for edge in self.waiting_for(service).values()}
        return next((each for each in (_COMPLETED, _HEALTHY) if each in found), "")

    def required(self, service: str) -> bool:
        """Return whether the stack needs a service: not if all that depend on it can do without."""
        edges = self.waiting_for(service).values()
        return not edges or any(edge.get("required", True) for edge in edges)


def read(inspected: Mapping[str, Any], began_at: float = 0.0) -> Container:
    """Parse a response of `/containers/ID/json`, which does not contain the first start."""
    state, labels = inspected["State"], inspected["Config"]["Labels"]
    health = state.get("Health") or {}
    log = health.get("Log") or []
    return Container(
        service=labels["com.docker.compose.service"],
        number=int(labels["com.docker.compose.container-number"]),
        status=state["Status"],
        exit_code=state["ExitCode"],
        error=state.get("Error") or "",
        health="" if health.get("Status") in (None, "none") else health["Status"],
        probe=log[-1]["Output"].strip() if log else "",
        restarts=inspected.get("RestartCount", 0),
        created_at=_seconds(inspected["Created"]),
        began_at=began_at or _seconds(state["StartedAt"]),
        started_at=_seconds(state["StartedAt"]),
        finished_at=_seconds(state["FinishedAt"]),
    )


def _seconds(text: str) -> float:
    """Parse the engine's time, which has nanoseconds, and year 1 for never."""
    if text.startswith("0001"):
        return 0.0
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")


def verdict(container: Container, wanted: Wanted, now: float) -> str:
    """Judge a container: `up`, `done`, `waiting`, `failed` or `late`."""
    if container.status in ("exited", "dead"):
        return "done" if container.exit_code == 0 and not container.error else "failed"
    if container.error and container.status == "created":
        return "failed"
    if container.status == "running":
        completing = wanted.condition(container.service) == _COMPLETED
        if container.health == "unhealthy" and not completing:
            return "failed"
        if container.health:
            up = container.health == "healthy"
        else:
            up = now - container.started_at >= wanted.settle
        if up and not completing:
            return "up"
    since = container.began_at or now  # a container that has not started waits for others
    return "late" if now - since > wanted.patience else "waiting"


def problems(
    containers: Iterable[Container], wanted: Wanted, now: float, *, given_up: bool = False
) -> list[dict[str, Any]]:
    """Return the containers that failed, in the order of failure, without optional ones.

    If Compose has `given_up`, a container that exited with 0 counts if others waited for its health.
    """
    found = []
    for container in containers:
        state = verdict(container, wanted, now)
        if given_up and state == "done" and wanted.condition(container.service) == _HEALTHY:
            state = "failed"
        if state in ("failed", "late") and wanted.required(container.service):
            ended = container.status in ("exited", "dead")
            edges = wanted.waiting_for(container.service)
            found.append(
                asdict(container)
                | {
                    "name": container.name,
                    "state": state,
                    "condition": wanted.condition(container.service),
                    "waiting": sorted(edges),
                    "after": round((container.finished_at if ended else now) - container.created_at, 1),
                    "at": container.finished_at if ended else now,
                }
            )
    return sorted(found, key=lambda problem: problem["at"])
