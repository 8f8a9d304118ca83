"""Start the planned containers in their order, and stop them whatever happened."""

from __future__ import annotations

import json
import secrets as random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from ci.errors import PipelineError
from ci.stack import failures, values

if TYPE_CHECKING:
    import dagger

    from ci.stack.container import Containers
    from ci.stack.plan import Plan, Planned

__all__ = ["Stack"]

STOP_MARGIN = 5.0  # seconds beyond its own grace that a service's stop may take
NOT_STARTED = {"not_started": True}


@dataclass
class Stack:
    """One run of a plan. Names and volumes are its own: two runs do not see each other.

    `outcomes` maps (service, condition) to what the init's `await` printed. `up_after` has the seconds from
    the start to when a service was up, `down_after` those that the stop of all took.
    """

    plan: Plan
    containers: Containers
    run: str = field(default_factory=lambda: random.token_hex(6))
    outcomes: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    running: dict[str, dagger.Service] = field(default_factory=dict)
    up_after: dict[str, float] = field(default_factory=dict)
    down_after: float = 0.0
    _reached: dict[tuple[str, str], anyio.Event] = field(default_factory=dict)

    async def start(self) -> None:
        """Start everything; return when all that can be waited for has been reached.

        Raises `PipelineError` for the first cause of what did not come up.
        """
        self._check_waits()
        await self.containers.prepare()
        for key in self._conditions():
            self._reached[key] = anyio.Event()
        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for planned in self.plan.containers.values():
                tasks.start_soon(self._launch, planned, began)
        problems = failures.find(self.plan, self.outcomes)
        if problems:
            logs = await self.logs()
            raise PipelineError(
                "; ".join(problem.text for problem in problems),
                details=await failures.explain(problems, logs),
                next_step="mend the service that is named first; what waited for it was not started",
            )

    async def stop(self) -> None:
        """Stop all services side by side: politely, then by force."""
        began = anyio.current_time()
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as tasks:
                for name, service in self.running.items():
                    grace = self.plan.containers[name].init["stop_grace"]
                    tasks.start_soon(_stop, service, grace + STOP_MARGIN)
        self.down_after = round(anyio.current_time() - began, 2)

    @property
    def times(self) -> dict[str, Any]:
        """When each service was up, by name, and how long the stop took, for JSON."""
        return {"up_after": dict(sorted(self.up_after.items())), "down_after": self.down_after}

    def service(self, name: str) -> dagger.Service:
        """Return one running service."""
        if name not in self.running:
            raise PipelineError(
                f"no service called '{name}' runs in this stack",
                next_step=f"choose from {', '.join(sorted(self.running))}",
            )
        return self.running[name]

    def another(self) -> Stack:
        """Return a stack of the same plan and values that has not started."""
        return Stack(self.plan, self.containers)

    def state(self, name: str) -> dagger.CacheVolume:
        """Return the volume with a container's log and outcome, and the pipe that takes orders for it."""
        return self.containers.state(name, self.run)

    async def logs(self) -> dagger.Directory:
        """Return NAME.log for every service, and outcomes.json, scrubbed of secrets."""
        return await self.containers.logs(self.run, list(self.plan.containers))

    def _check_waits(self) -> None:
        """Refuse to wait for the health of what has none, before anything starts."""
        for planned in self.plan.containers.values():
            for wait in planned.waits:
                if wait.condition == "healthy" and not self._has_health(self.plan.containers[wait.service]):
                    raise PipelineError(
                        f"service '{planned.name}' waits until '{wait.service}' is healthy, "
                        "which has no healthcheck, neither in the compose file nor in its image",
                        next_step=f"give '{wait.service}' a healthcheck, or wait for service_started",
                    )

    def _conditions(self) -> set[tuple[str, str]]:
        """All conditions that somebody waits for, and the one each service is done with."""
        edges = {(wait.service, wait.condition) for p in self.plan.containers.values() for wait in p.waits}
        completed = {service for service, condition in edges if condition == "completed"}
        last = {
            (
                name,
                "completed" if name in completed else "healthy" if self._has_health(planned) else "settled",
            )
            for name, planned in self.plan.containers.items()
        }
        return edges | last

    def _has_health(self, planned: Planned) -> bool:
        return values.health(planned.service.raw, self.containers.image(planned)) is not None

    async def _launch(self, planned: Planned, began: float) -> None:
        name = planned.name
        conditions = [key for key in self._reached if key[0] == name]
        for wait in planned.waits:
            await self._reached[wait.service, wait.condition].wait()
        met = all(self._met(wait.service, wait.condition) for wait in planned.waits if wait.required)
        if met:
            self.running[name] = await self.containers.start(planned, self.run)
        async with anyio.create_task_group() as tasks:
            for key in conditions:
                tasks.start_soon(self._watch, planned, key, met)
        self.up_after[name] = round(anyio.current_time() - began, 2)

    async def _watch(self, planned: Planned, key: tuple[str, str], started: bool) -> None:  # noqa: FBT001 - passed by the task group
        if started:
            began = anyio.current_time()
            text = await self.containers.wait(planned, self.run, key[1], self.plan.timeouts.start)
            waited = round(anyio.current_time() - began, 2)
            self.outcomes[key] = {**json.loads(text), "waited": waited}
        else:
            self.outcomes[key] = NOT_STARTED
        self._reached[key].set()

    def _met(self, service: str, condition: str) -> bool:
        return failures.met(condition, self.outcomes[service, condition])


async def _stop(service: dagger.Service, limit: float) -> None:
    with anyio.move_on_after(limit) as politely:
        await service.stop()
    if politely.cancelled_caught:
        await service.stop(kill=True)
