"""Build a stage of a service's Dockerfile, to test in it."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

import dagger
from dagger import dag

from ci.build.builder import build as build_images
from ci.build.image import config
from ci.errors import PipelineError
from ci.testing import results

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.build.image import BuiltImage
    from ci.project.load import Project
    from ci.project.model import ComposeModel
    from ci.workspace import Workspace

__all__ = ["build", "command_of", "own_command", "with_stage"]

_SERVICE_LABEL = "com.docker.compose.service"
_FAILED = "build.step-failed"


def with_stage(compose: ComposeModel, service: str, stage: str) -> tuple[ComposeModel, str]:
    """Add a service to a project whose image is a stage of another one's build; return its name as well."""
    targets: dict[str, Any] = compose.bake.get("target", {})
    own = next(key for key, item in targets.items() if _service(key, item) == service)
    name = re.sub(r"[^A-Za-z0-9_-]", "-", f"{own}-stage-{stage}")
    target = {**targets[own], "target": stage}
    target["labels"] = {**(target.get("labels") or {}), _SERVICE_LABEL: name}
    services = {**compose.services, name: dataclasses.replace(compose.services[service], name=name)}
    bake = {**compose.bake, "target": {**targets, name: target}}
    return dataclasses.replace(compose, services=services, bake=bake), name


def command_of(stage: Mapping[str, Any], others: list[Mapping[str, Any]]) -> list[str]:
    """Return the command of a stage's config; empty if it is that of another image, and so inherited."""

    def command(config: Mapping[str, Any]) -> list[str]:
        return [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]

    own = command(stage)
    return [] if own in [command(other) for other in others] else own


async def build(project: Project, service: str, stage: str) -> BuiltImage | results.Result:
    """Build a stage. A step that fails is a failed test, because a stage may test while it is built."""
    compose, name = with_stage(project.compose, service, stage)
    try:
        return (await build_images(dataclasses.replace(project, compose=compose), [name]))[name]
    except PipelineError as error:
        if error.code != _FAILED:
            raise
        return results.failed_stage(service, stage, error.details)


async def own_command(workspace: Workspace, built: BuiltImage, service: BuiltImage) -> list[str]:
    """Return the command that a stage sets itself; empty if its build was the test."""
    others = [service.facts["config"]["config"]]
    if built.base:
        base = dag.container().from_(str(built.base))
        try:
            found = json.loads(await config(workspace, base).contents())
        except dagger.QueryError:
            found = {}
        others.append(found.get("config") or {})
    return command_of(built.facts["config"]["config"], others)


def _service(target: str, item: Mapping[str, Any]) -> str:
    return str((item.get("labels") or {}).get(_SERVICE_LABEL, target))
