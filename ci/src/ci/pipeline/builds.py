"""Build images, and compare what was built here with what another engine built."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ci import parallel
from ci.build import builder, comparison
from ci.errors import PipelineError
from ci.pipeline.gates import noted
from ci.platforms import parse, service_of
from ci.posture.gather import record
from ci.report import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagger

    from ci.build.image import BuiltImage
    from ci.pipeline.inputs import Inputs
    from ci.project.load import Project

__all__ = ["build", "image", "record_all", "reproduce"]


async def build(inputs: Inputs, only: list[str], platform: str) -> str:
    """Build images and print each one's digest, size and layers."""
    project = await inputs.project(platform)
    async with project.evidence:
        return await noted(project, tables.built(await builder.build_all(project, only)))


async def image(inputs: Inputs, service: str, platform: str) -> dagger.Container:
    """Build one image and return it as a container."""
    if len(asked := parse(platform)) > 1:
        raise PipelineError(
            "image.one-platform",
            f"--platform {','.join(asked)}: a container has one platform",
            hint=f"choose one: image --platform {asked[0]}",
        )
    built = await builder.build(await inputs.project(platform), [service])
    return await built[service].container()


async def reproduce(inputs: Inputs, manifest: dagger.File) -> str:
    """Build the images of build.json again; fail with every difference if there is one."""
    there = comparison.read(await manifest.contents())
    # What another machine has built is no answer to what this one builds.
    project = await replace(inputs, fresh=True, cache_write=False).project()
    services = list(dict.fromkeys(service_of(name) for name in there))
    images = {
        name: image for name, image in (await builder.build_all(project, services)).items() if name in there
    }
    here = await _recorded(project, images, inputs.jobs)
    return comparison.text(here, comparison.compare(there, here))


async def record_all(project: Project, images: Mapping[str, BuiltImage], jobs: int) -> str:
    """Write build.json: each image's config, layers and files."""
    return comparison.write(await _recorded(project, images, jobs))


async def _recorded(
    project: Project, images: Mapping[str, BuiltImage], jobs: int
) -> dict[str, comparison.Image]:
    work = {name: partial(record, project, each) for name, each in images.items()}
    return await parallel.run(work, limit=jobs)
