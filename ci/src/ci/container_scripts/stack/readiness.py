"""Whether a compose project is up: what is waited for, and which container keeps it from being up."""

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
    """What the engine says of one container; times are seconds of the epoch, 0 = not yet.

    `health` is empty where the container has no healthcheck, `probe` is what the last one printed. `began_at`
    is the first start, `started_at` the last one: Docker starts some containers again and again.
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
        """The service's name; those after the first have a number."""
        return self.service if self.number == 1 else f"{self.service}-{self.number}"


@dataclass(frozen=True)
class Wanted:
    """What is waited for; `settle` and `patience` are seconds.

    `services` is the model's. A container without a healthcheck is up when it has run for `settle`, and late
    is what takes longer than `patience`.
    """

    services: Mapping[str, Mapping[str, Any]]
    settle: float
    patience: float

    def waiting_for(self, service: str) -> dict[str, Mapping[str, Any]]:
        """Return the services that depend on one, each with its edge."""
        return {
            name: edge
            for name, item in self.services.items()
            for other, edge in (item.get("depends_on") or {}).items()
            if other == service
        }

    def condition(self, service: str) -> str:
        """Return the strictest condition that another service waits for, "" if there is none."""
        found = {edge["condition"] for edge in self.waiting_for(service).values()}
        return next((each for each in (_COMPLETED, _HEALTHY) if each in found), "")

    def required(self, service: str) -> bool:
        """Say whether the stack is red without a service: not if all that wait for it go on without it."""
        edges = self.waiting_for(service).values()
        return not edges or any(edge.get("required", True) for edge in edges)


def read(inspected: Mapping[str, Any], began_at: float = 0.0) -> Container:
    """Return the container of an answer to `/containers/ID/json`, which does not have its first start."""
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
    """Return the engine's time, which has nine digits behind the second and year 1 for never."""
    if text.startswith("0001"):
        return 0.0
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")


def verdict(container: Container, wanted: Wanted, now: float) -> str:
    """Return `up`, `done`, `waiting`, `failed` or `late`."""
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
    since = container.began_at or now  # one that was not started waits for others
    return "late" if now - since > wanted.patience else "waiting"


def problems(
    containers: Iterable[Container], wanted: Wanted, now: float, *, given_up: bool = False
) -> list[dict[str, Any]]:
    """Return what failed, the first one first; what others can do without is none.

    Where Compose has `given_up`, one that ended well is to blame if others waited for its health.
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
