"""What each service of the stack gets, from Compose's model; no engine needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ci.compose import support
from ci.errors import PipelineError
from ci.stack import mounts, placeholders
from ci.stack.settings import names, neighbours, settings

if TYPE_CHECKING:
    from ci.compose.model import Project, Service
    from ci.stack.mounts import File, Mount

__all__ = ["CONDITIONS", "Plan", "Planned", "Timeouts", "Wait", "make"]


@dataclass(frozen=True)
class Timeouts:
    """Seconds: what a service may take to reach a condition, and what its stop may at most."""

    start: float = 120.0
    stop: float = 10.0


@dataclass(frozen=True)
class Wait:
    """One edge: the container to wait for, and the condition as the init's `await` calls it."""

    service: str
    condition: str
    required: bool


@dataclass(frozen=True)
class Planned:
    """One container to start. `init` is its init's configuration, except what the image says."""

    name: str
    service: Service
    names: tuple[str, ...]
    environment: dict[str, str]
    secret_environment: dict[str, str]
    mounts: tuple[Mount, ...]
    files: tuple[File, ...]
    init: dict[str, Any]
    waits: tuple[Wait, ...]


@dataclass(frozen=True)
class Plan:
    """The containers by name, and what the report says once about the file."""

    containers: dict[str, Planned]
    notes: list[support.Note]
    left_out: dict[str, str] = field(default_factory=dict)
    timeouts: Timeouts = field(default_factory=Timeouts)


CONDITIONS = {
    "service_started": "started",
    "service_healthy": "healthy",
    "service_completed_successfully": "completed",
}


def make(
    project: Project,
    services: dict[str, Service],
    left_out: dict[str, str],
    timeouts: Timeouts | None = None,
) -> Plan:
    """Plan the services; a refused key is an error, a service that is not available is left out."""
    timeouts = timeouts or Timeouts()
    running = {name: service for name, service in services.items() if name not in left_out}
    notes = support.notes({name: service.raw for name, service in running.items()}, project.raw)
    for service in running.values():
        placeholders.check(project, service)
    containers: dict[str, Planned] = {}
    near = neighbours(running)
    for service in running.values():
        own = settings(service, running, near[service.name], project.raw.get("networks") or {}, timeouts.stop)
        for name in _containers(service):
            if name in containers or (name != service.name and name in running):
                raise PipelineError(
                    f"service '{service.name}': its replica '{name}' has the name of another service",
                    next_step="give one of them another name",
                )
            containers[name] = _container(project, service, name, running, own)
    return Plan(containers, notes, left_out, timeouts)


def _containers(service: Service) -> list[str]:
    """Return the names of a service's containers; the first has the service's own."""
    scale = service.raw.get("scale", (service.raw.get("deploy") or {}).get("replicas", 1))
    count = 1 if scale is None else int(scale)
    return [service.name if number == 1 else f"{service.name}-{number}" for number in range(1, count + 1)]


def _container(
    project: Project, service: Service, name: str, running: dict[str, Service], init: dict[str, Any]
) -> Planned:
    environment = {k: v for k, v in sorted((service.raw.get("environment") or {}).items()) if v is not None}
    secret = {k: v for k, v in environment.items() if placeholders.within(project, v)}
    return Planned(
        name=name,
        service=service,
        names=names(service),
        environment={k: v for k, v in environment.items() if k not in secret},
        secret_environment=secret,
        mounts=tuple(mounts.mounts(project, service)),
        files=tuple(mounts.files(project, service)),
        init=init,
        waits=tuple(_waits(service, running)),
    )


def _waits(service: Service, running: dict[str, Service]) -> list[Wait]:
    """Return the edges to all containers of each service waited for; none where it has none."""
    waits = []
    for other, edge in sorted((service.raw.get("depends_on") or {}).items()):
        required = edge.get("required", True)
        if other in running:
            condition = CONDITIONS[edge["condition"]]
            waits += [Wait(name, condition, required) for name in _containers(running[other])]
        elif required:
            raise PipelineError(
                f"service '{service.name}' depends on '{other}', which is not in this stack",
                next_step=f"add '{other}' to --only, map its image, or set `required: false`",
            )
    return waits
