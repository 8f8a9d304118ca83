"""The compose project as a stack: bring it up, look at it, open its ports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ci import table
from ci.build.builder import build
from ci.errors import PipelineError
from ci.stack import published
from ci.stack.model import Timeouts
from ci.stack.plan import plan
from ci.stack.run import Stack

if TYPE_CHECKING:
    import dagger

    from ci.pipeline.inputs import Inputs

__all__ = ["Stack", "check", "create", "ports", "service"]


async def create(inputs: Inputs, only: list[str], start_timeout: int, stop_timeout: int) -> Stack:
    """Read and build the project, and plan its stack; nothing runs yet."""
    project = await inputs.project()
    if not project.compose.services.keys() >= set(only):
        # Naming a service activates it, as for `docker compose up NAME`.
        project = await replace(inputs, profiles=["*"]).project()
    chosen = project.with_needed(only)
    built = [name for name, each in chosen.items() if each.build]
    images = await build(project, built) if built else {}
    return await plan(project, images, list(chosen), Timeouts(start_timeout, stop_timeout))


async def check(stack: Stack) -> str:
    """Bring a stack up and stop it; fail if it does not come up."""
    outcome = await stack.run(rerun=True)
    if outcome.error:
        raise outcome.error
    rows = [[name, f"{seconds:.1f} s"] for name, seconds in outcome.times["up_after"].items()]
    return "\n".join([table.text(["service", "up after"], rows), *outcome.model.notes])


async def ports(stack: Stack) -> dagger.Service:
    """Start a stack and return its published ports as one service."""
    return await stack.start(published.ports(stack.model), published.everywhere(stack.model))


async def service(stack: Stack, name: str) -> dagger.Service:
    """Start a stack and return one of its services."""
    if name not in stack.model.services:
        raise PipelineError(
            "stack.unknown-service",
            f"no service called '{name}' runs in this stack",
            hint=f"choose from {', '.join(stack.model.services)}",
        )
    model, found = published.of_service(stack.model, name, await stack.exposed(name))
    return await stack.start(found, model)
