"""Read the plan; build images."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import dagger
from dagger import Doc, dag

from ci import parallel
from ci._dagger import function
from ci.build import comparison
from ci.posture.gather import record
from ci.project import render
from ci.report import tables
from ci.sandbox import usage
from ci.user_errors import user_errors
from ci.verbs.arguments import Files, Jobs, Only, Platform, Profiles, ProjectDirectory
from ci.verbs.base import Base

if TYPE_CHECKING:
    from ci.build.builder import BuiltImage

__all__ = ["Build"]


class Build(Base):
    """From compose.yaml to images."""

    @function()
    @user_errors
    async def services(
        self,
        files: Files = None,
        profiles: Profiles = None,
        project_directory: ProjectDirectory = ".",
        format: Annotated[str, Doc("table, json or mermaid")] = "table",  # noqa: A002 - the option's name
    ) -> str:
        """Print the plan: each service, where its image comes from, ports, and what it waits for."""
        loaded = await self._load(files, profiles, project_directory)
        return render.render(loaded.compose, loaded.left_out(), format)

    @function()
    @user_errors
    async def build(self, only: Only = None, platform: Platform = "") -> str:
        """Build all images in parallel and print each one's digest, size and layers."""
        artifacts = await (await self._load(platform=platform)).build(only or [])
        return tables.built(artifacts)

    @function(cache="session")
    @user_errors
    async def build_report(self, only: Only = None, jobs: Jobs = 8) -> dagger.Directory:
        """Return table, Markdown and build.json: every digest, layer and file, for `reproduce` elsewhere."""
        artifacts = await (await self._load()).build(only or [])
        recorded = comparison.write(await self._recorded(artifacts, jobs))
        directory = dag.directory()
        for name, text in tables.built_files(artifacts, recorded).items():
            directory = directory.with_new_file(name, text)
        return directory

    @function(cache="session")
    @user_errors
    async def reproduce(
        self,
        manifest: Annotated[dagger.File, Doc("build.json, as build-report wrote it on another engine")],
        jobs: Jobs = 8,
    ) -> str:
        """Build here what another engine built; where a digest differs, name layer, file and what differs."""
        there = comparison.read(await manifest.contents())
        artifacts = await (await self._load()).build(list(there))
        here = await self._recorded(artifacts, jobs)
        return comparison.text(here, comparison.compare(there, here))

    async def _recorded(self, artifacts: dict[str, BuiltImage], jobs: int) -> dict[str, comparison.Image]:
        builder = await self._builder()
        return await parallel.run({n: partial(record, builder, a) for n, a in artifacts.items()}, limit=jobs)

    @function(cache="never")
    @user_errors
    async def sandbox(
        self,
        empty: Annotated[bool, Doc("Remove what is in the slots that no call uses at the moment")] = False,
    ) -> str:
        """Print what the volume of the sandbox's Docker Engine holds, slot by slot."""
        return await usage.render(await self._builder(), empty=empty)

    @function()
    @user_errors
    async def image(
        self, service: Annotated[str, Doc("The service, by its compose name")], platform: Platform = ""
    ) -> dagger.Container:
        """Return one service's image as a container, for chaining."""
        artifacts = await (await self._load(platform=platform)).build([service])
        return artifacts[service].container()
