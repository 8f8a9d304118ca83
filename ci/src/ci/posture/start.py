"""Start each image by itself with a read-only root, ask its HEALTHCHECK, stop it, and see how it ended."""

from __future__ import annotations

import dataclasses
import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagger import dag

from ci.errors import PipelineError
from ci.posture.facts import Started
from ci.stack import failures
from ci.testing import kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.compose.model import Service
    from ci.images import BuiltImage
    from ci.project import Loaded
    from ci.stack.start import Stack

__all__ = ["alone", "probe"]

# What of a service's model is about the container itself: no other service, network or policy.
_KEYS = (
    *("command", "entrypoint", "environment", "working_dir", "init", "user", "group_add"),
    *("cap_add", "cap_drop", "security_opt", "tmpfs", "shm_size", "ulimits", "sysctls"),
    *("mem_limit", "cpus", "pids_limit", "volumes", "secrets", "configs"),
    *("stop_signal", "stop_grace_period"),
)
# What was kept by another version of this file may have been judged wrong.
_PROBE = sha256(Path(__file__).read_bytes()).hexdigest()
# Seconds that a service without a HEALTHCHECK has to end by itself, and so show that it does not run.
_UNASKED = 3.0


def alone(service: Service) -> Service:
    """Return the service alone: a read-only root, the image's own HEALTHCHECK, one start."""
    raw: dict[str, Any] = {key: service.raw[key] for key in _KEYS if key in service.raw}
    raw |= {"read_only": True, "restart": "no", "networks": {"default": None}}
    return dataclasses.replace(service, raw=raw, depends_on={}, ports=())


async def probe(loaded: Loaded, artefacts: Mapping[str, BuiltImage]) -> dict[str, Started]:
    """Return how each image runs; what ran well is kept for the same image and is not started again."""
    services = {name: alone(artefact.service) for name, artefact in artefacts.items()}
    stack = await loaded.stack(dict(artefacts), {}, services)
    memory, init = kept.Kept(loaded.builder), await stack.containers.init.digest(exclude_metadata=True)
    keys = {
        name: kept.key(posture=artefacts[name].digest, init=init, model=service.raw, probe=_PROBE)
        for name, service in services.items()
    }
    found = await memory.there(keys.values())
    done = {name: Started(grace=stack.plan.containers[name].init["stop_grace"]) for name in services}
    missing = {name: service for name, service in services.items() if keys[name] not in found}
    if not missing:
        return done
    fresh = await _run(await loaded.stack(dict(artefacts), {}, missing, apart=True))
    for name, started in fresh.items():
        if not (started.problem or started.killed or started.exit_code):
            await memory.keep(keys[name], dag.directory().with_new_file("started", ""))
    return done | fresh


async def _run(stack: Stack) -> dict[str, Started]:
    try:
        await _start(stack)
        ended = {name: text for name in stack.running if (text := await _ended(stack, name))}
    finally:
        await stack.stop()
    logs = await stack.logs()
    outcomes = json.loads(await logs.file("outcomes.json").contents())
    problems = {each.service: each for each in failures.find(stack.plan, stack.outcomes)}
    done = {}
    for name, planned in stack.plan.containers.items():
        text = ended.get(name, "")
        if name in problems:
            text = f"{problems[name].text}\n{await failures.explain([problems[name]], logs)}"
        outcome = outcomes.get(name, {"exit_code": 0, "killed": False})
        grace = planned.init["stop_grace"]
        done[name] = Started(text.strip(), outcome["exit_code"], outcome["killed"], grace)
    return done


async def _start(stack: Stack) -> None:
    try:
        await stack.start()
    except PipelineError:
        if not failures.find(stack.plan, stack.outcomes):
            raise  # not about a service that did not come up


async def _ended(stack: Stack, name: str) -> str:
    """Say that a service ended by itself, where no HEALTHCHECK tells that it runs."""
    planned = stack.plan.containers[name]
    if (name, "healthy") in stack.outcomes:
        return ""
    outcome = json.loads(await stack.containers.wait(planned, stack.run, "completed", _UNASKED))
    return f"ended by itself with exit code {outcome['exit_code']}" if outcome["ended"] else ""
