"""Build the images of services, in one run of Bake."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from time import time
from typing import TYPE_CHECKING

from dagger import dag

from ci import layer_cache, parallel
from ci.build import bake, cached, platform, provenance, run
from ci.build.image import BuiltImage, facts
from ci.build.secrets import secrets
from ci.project import builds, model
from ci.sandbox.container import VERSION
from ci.sandbox.substitutes import original

if TYPE_CHECKING:
    from ci.build.provenance import Material
    from ci.project.load import Project
    from ci.project.model import Service
    from ci.workspace import Workspace

__all__ = ["build"]


async def build(project: Project, only: list[str]) -> dict[str, BuiltImage]:
    """Build the named services' images, or all."""
    services = model.select(project.compose.built, only)
    builds.check(project.compose)
    workspace = project.workspace
    await platform.check(workspace)
    if not services:
        return {}
    started = time()
    for service in services.values():
        await secrets(workspace, service)  # a missing value is reported before the sandbox starts
    own_platform = str(await dag.default_platform())
    planned = bake.plan(
        project.compose,
        list(services),
        platform=workspace.platform,
        own_platform=own_platform,
        ssh_agent=workspace.ssh_agent is not None,
    )
    cache = layer_cache.choose(
        workspace.cache,
        project.policy.cache,
        project.policy.default_branch,
        platform=workspace.platform or own_platform,
        version=VERSION,
    )
    exported = await run.bake(workspace, project.compose, planned, cache)
    work = {
        name: partial(_image, workspace, planned, exported, started, service)
        for name, service in services.items()
    }
    made = await parallel.run(work, limit=len(work))
    note = cached.note(cache, exported.record, exported.metadata, started) if cache else ""
    return {name: replace(image, cache_note=note) for name, image in made.items()}


async def _image(
    workspace: Workspace, planned: bake.Bake, exported: run.Exported, started: float, service: Service
) -> BuiltImage:
    target = planned.targets[service.name]
    folder = exported.folders[target]
    # Re-wrap the file so that Dagger caches it by content, not by the operations that produced it.
    file = dag.directory().with_file("image.tar", folder.file("image.tar")).file("image.tar")
    found = await facts(workspace, file)
    recorded = provenance.read(exported.metadata, target)
    exported_at = float(await folder.file("exported_at").contents())
    base, base_layers = recorded.base([layer["digest"] for layer in found["layers"]])
    for number, layer in enumerate(found["layers"]):
        layer["base"] = number < base_layers
    return BuiltImage(
        service=service,
        file=file,
        facts=found,
        provenance=recorded,
        exported_at=exported_at,
        built=exported_at >= int(started),
        seconds=round(time() - started, 1),
        base=base,
        base_layers=base_layers,
        references=tuple(_requested(workspace, material) for material in recorded.materials),
        parameters=json.loads(planned.build)["target"][target],
        versions=json.loads(await folder.file("versions.json").contents()),
    )


def _requested(workspace: Workspace, material: Material) -> str:
    """Name a material as the project does; one that the project pins has a digest."""
    name = original(workspace.images, material.reference)
    return f"{name.partition('@')[0]}@{material.digest}" if material.pinned else name
