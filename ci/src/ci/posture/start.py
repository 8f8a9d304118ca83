"""Start each image by itself with a read-only root, ask its HEALTHCHECK, stop it, and see how it ended.

One that does not run by itself, such as a worker or a migration, is started with what it depends on.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from msgspec import structs

from ci.posture.facts import Started
from ci.stack.model import seconds
from ci.stack.plan import plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.build.image import BuiltImage
    from ci.project.load import Project
    from ci.project.model import ComposeModel
    from ci.stack.run import Outcome, Stack

__all__ = ["AT_ONCE", "alone", "isolated", "probe", "started", "with_needed"]

# What of a service's model is about the container itself: no other service, network or policy.
_KEYS = (
    *(
        "command",
        "entrypoint",
        "environment",
        "env_file",
        "working_dir",
        "init",
        "user",
        "group_add",
        "image",
    ),
    *("build", "hostname", "stdin_open", "tty"),
    *("cap_add", "cap_drop", "security_opt", "tmpfs", "shm_size", "ulimits", "sysctls"),
    *("mem_limit", "cpus", "pids_limit", "volumes", "secrets", "configs"),
    *("stop_signal", "stop_grace_period"),
)
# Seconds that a service without a HEALTHCHECK has to end by itself, and so show that it does not run.
_UNASKED = 3.0
AT_ONCE = 2  # each has an engine of its own
_GRACE = "10s"


def isolated(project: ComposeModel, name: str) -> ComposeModel:
    """Return the project with one service: a read-only root, the image's own HEALTHCHECK, one start."""
    service = _read_only(project, name) | {"networks": {"default": None}}
    model = {**project.model, "services": {name: service}, "networks": {"default": {}}}
    found = project.services[name]
    found = dataclasses.replace(found, definition=structs.replace(found.definition, depends_on={}))
    return dataclasses.replace(project, model=model, services={name: found})


def with_needed(project: ComposeModel, name: str) -> ComposeModel:
    """Return the project with one service like that, but with its networks, healthcheck and dependencies."""
    written = project.model["services"][name]
    kept = {key: written[key] for key in ("depends_on", "networks", "healthcheck") if key in written}
    services = {**project.model["services"], name: _read_only(project, name) | kept}
    return dataclasses.replace(project, model={**project.model, "services": services})


def _read_only(project: ComposeModel, name: str) -> dict[str, Any]:
    written = project.model["services"][name]
    return {key: written[key] for key in _KEYS if key in written} | {"read_only": True, "restart": "no"}


async def alone(loaded: Project, image: BuiltImage) -> Stack:
    """Return a stack of one service, without any other."""
    name = image.service.name
    single = dataclasses.replace(loaded, compose=isolated(loaded.compose, name))
    return dataclasses.replace(await plan(single, {name: image}, [name]), settle=_UNASKED)


async def probe(loaded: Project, image: BuiltImage, images: Mapping[str, BuiltImage]) -> Started:
    """Return how an image runs; what ran well is not started again for the same image and model.

    `images` are all that are built, by service.
    """
    name = image.service.name
    by_itself = await _run(await alone(loaded, image), name)
    needed = loaded.with_needed([name])
    built = [other for other, service in needed.items() if service.build]
    if not by_itself.problem or len(needed) == 1 or not images.keys() >= set(built):
        return by_itself
    complete = dataclasses.replace(loaded, compose=with_needed(loaded.compose, name))
    stack = await plan(complete, {other: images[other] for other in built}, list(needed))
    return await _run(dataclasses.replace(stack, settle=_UNASKED), name, beside=True)


async def _run(stack: Stack, name: str, *, beside: bool = False) -> Started:
    grace = seconds(stack.model.services[name].stop_grace_period or _GRACE)

    async def failed(outcome: Outcome) -> bool:
        return not started(outcome, name, grace, beside=beside).well

    return started(await stack.run(failed=failed), name, grace, beside=beside)


def started(outcome: Outcome, name: str, grace: float, *, beside: bool = False) -> Started:
    """Read how a service ran, by itself or beside others; what was not recorded is a problem as well.

    Beside others it may end with 0, as a job does.
    """
    if error := outcome.error:
        return Started(f"{error.what}\n{error.details}".strip(), grace=grace, beside=beside)
    ended = outcome.report["ended"].get(name)
    state = outcome.report["states"].get(name)
    if ended is None or state is None or ended["status"] != "exited":
        return Started("how it ran and ended was not recorded", grace=grace)
    if state == "done" and not (beside and ended["exit_code"] == 0):
        return Started(f"ended by itself with exit code {ended['exit_code']}", grace=grace)
    return Started("", ended["exit_code"], ended["killed"], grace, beside=beside)
