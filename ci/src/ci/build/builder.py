"""Build the images of services, in one run of Bake."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any

from ci import layer_cache, parallel
from ci.build import bake, cached, image, known, platform, provenance, run
from ci.build.image import BuiltImage
from ci.build.known import Built
from ci.build.secrets import secrets
from ci.errors import PipelineError
from ci.platforms import named
from ci.project import builds, model
from ci.sandbox.container import VERSION
from ci.sandbox.substitutes import original

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.build.provenance import Material, Provenance
    from ci.layer_cache import LayerCache
    from ci.project.load import Project
    from ci.project.model import Service
    from ci.workspace import Workspace

__all__ = ["build", "build_all"]


async def build(project: Project, only: list[str]) -> dict[str, BuiltImage]:
    """Build the named services' images, or all, for the engine's own platform or the one that is chosen."""
    if project.workspace.platform not in project.platforms.others:
        await platform.check(project.workspace)
    return await _build(project, only)


async def build_all(project: Project, only: list[str]) -> dict[str, BuiltImage]:
    """Build the same, and then those for other platforms, which are not started.

    They are built after the others: the first slot of the sandbox then has what the builds share.
    """
    own = await build(project, only)
    images = dict(own)
    for other, services in project.platforms.others.items():
        names = [name for name in services if name in own]
        if names:
            foreign = replace(project, workspace=replace(project.workspace, platform=other))
            built = await _foreign(foreign, own, names)
            images |= {named(name, other): replace(image, platform=other) for name, image in built.items()}
    return images


async def _foreign(
    project: Project, own: Mapping[str, BuiltImage], names: list[str]
) -> dict[str, BuiltImage]:
    """Build for a platform that the engine does not run; report a base that is not there for it."""
    try:
        built = await _build(project, names)
    except PipelineError as error:
        await platform.check_bases(project.workspace, {name: own[name] for name in names}, str(error))
        raise
    await platform.check_bases(project.workspace, built)
    return built


async def _build(project: Project, only: list[str]) -> dict[str, BuiltImage]:
    services = model.select(project.compose.built, only)
    builds.check(project.compose)
    workspace = project.workspace
    if not services:
        return {}
    started = time()
    for service in services.values():
        await secrets(workspace, service)  # a missing value is reported before the sandbox starts
    own_platform = await workspace.own_platform()
    plan = partial(
        bake.plan,
        project.compose,
        platform=workspace.platform,
        own_platform=own_platform,
        ssh_agent=workspace.ssh_agent is not None,
    )
    cache = _layer_cache(project, own_platform)
    bake_them = partial(_bake, project, plan, cache)
    claimed = await known.claimed(project, plan, list(services), own_platform)
    built = await known.images(project, claimed, cache, bake_them)
    note = ""
    if rest := [name for name in services if name not in built]:
        planned, exported = await bake_them(rest)
        made = await _built(workspace, planned, exported)
        note = cached.note(cache, exported.record, exported.metadata, started) if cache else ""
        await known.keep(project, {name: claimed[name] for name in rest if name in claimed}, made, cache)
        built |= made
    return {
        name: _image(workspace, built[name], service, (started, note)) for name, service in services.items()
    }


async def _bake(
    project: Project, plan: known.Planner, cache: LayerCache | None, services: list[str]
) -> tuple[bake.Bake, run.Exported]:
    planned = plan(services)
    return planned, await run.bake(project.workspace, project.compose, planned, cache)


def _layer_cache(project: Project, own_platform: str) -> LayerCache | None:
    workspace = project.workspace
    return layer_cache.choose(
        workspace.cache,
        project.policy.cache,
        project.policy.default_branch,
        place=project.policy.place,
        platform=workspace.platform or own_platform,
        version=VERSION,
        evidence=project.evidence.place is not None,
    )


async def _built(workspace: Workspace, planned: bake.Bake, exported: run.Exported) -> dict[str, Built]:
    """Read what was exported."""
    images = {name: exported.images[target] for name, target in planned.targets.items()}
    packed = {name: image.packed(each.folder.file("image.tar")) for name, each in images.items()}

    async def one(name: str) -> dict[str, Any]:
        recorded = provenance.read(exported.metadata, planned.targets[name])
        base, count = await _base(workspace, recorded, images[name].found["facts"])
        return {**images[name].found, "base": str(base or ""), "base_layers": count}

    items = await parallel.run({name: partial(one, name) for name in packed}, limit=len(packed))
    return {
        name: Built(planned, items[name], exported.metadata, image.given(file))
        for name, file in packed.items()
    }


async def _base(
    workspace: Workspace, recorded: Provenance, found: dict[str, Any]
) -> tuple[Material | None, int]:
    """Return the image that a built one begins with, and its number of layers."""
    base, count = recorded.base([layer["digest"] for layer in found["layers"]])
    own = tuple(layer["diff_id"] for layer in found["layers"])
    for material in recorded.without_layers():
        layers = await image.diff_ids(workspace, str(material), workspace.platform)
        if len(layers) > count and own[: len(layers)] == layers:
            base, count = material, len(layers)
    return base, count


def _image(workspace: Workspace, built: Built, service: Service, asked: tuple[float, str]) -> BuiltImage:
    target, item = built.planned.targets[service.name], built.item
    started, note = asked
    found = item["facts"]
    recorded = provenance.read(built.metadata, target)
    base = next((each for each in recorded.materials if str(each) == item["base"]), None)
    base_layers = item["base_layers"]
    layers = [{**layer, "base": number < base_layers} for number, layer in enumerate(found["layers"])]
    return BuiltImage(
        service=service,
        packed=built.packed,
        facts={**found, "layers": layers},
        provenance=recorded,
        exported_at=item["exported_at"],
        built=item["exported_at"] >= int(started),
        seconds=round(time() - started, 1),
        base=base,
        base_layers=base_layers,
        references=tuple(_requested(workspace, material) for material in recorded.materials),
        parameters=json.loads(built.planned.build)["target"][target],
        versions=item["versions"],
        cache_note=note,
    )


def _requested(workspace: Workspace, material: Material) -> str:
    """Name a material as the project does; one that the project pins has a digest."""
    name = original(workspace.images, material.reference)
    return f"{name.partition('@')[0]}@{material.digest}" if material.pinned else name
