"""What all verbs stand on: the project as it is given, and as it is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import dagger

from ci.build.builder import Builder
from ci.project.load import ComposeOptions, Project, load
from ci.references import ImagesMap

if TYPE_CHECKING:
    from ci.build.builder import BuiltImage

__all__ = ["Base"]

# What the runtime's base image brings (see airgap/): the substitutes of a closed network. No field of the
# module: the engine would keep its value for as long as the module's source stays.
_BUILTIN_MAP = Path("/opt/uv/images.json")
_BUILTIN_IMAGES = _BUILTIN_MAP.read_text() if _BUILTIN_MAP.is_file() else ""


class Base:
    """The fields are those of the class that Dagger sees, see `ci.main.Ci`."""

    source: dagger.Directory
    images: dagger.File | None
    env_file: dagger.Secret | None
    docker_config: dagger.Secret | None
    ssh_agent: dagger.Socket | None

    async def _images(self) -> str:
        return await self.images.contents() if self.images else _BUILTIN_IMAGES

    async def _builder(self, platform: str = "") -> Builder:
        where = "--images" if self.images else "of the runtime's base image"
        images = ImagesMap.from_json(await self._images(), where=where)
        return await Builder.with_variables(
            self.source,
            images,
            self.env_file,
            platform=platform,
            docker_config=self.docker_config,
            ssh_agent=self.ssh_agent,
        )

    async def _load(
        self,
        files: list[str] | None = None,
        profiles: list[str] | None = None,
        folder: str = ".",
        platform: str = "",
    ) -> Project:
        asked = ComposeOptions(files or [], profiles or [], folder)
        return await load(await self._builder(platform), asked)

    async def _under_test(self, profiles: list[str] | None = None, folder: str = ".") -> Project:
        """Load the project with the compose files of the stack under test."""
        base = await self._load(None, profiles, folder)
        files = list(base.policy.integration_files)
        return await self._load(files, profiles, folder) if files else base

    async def _released(self, artifacts: dict[str, BuiltImage]) -> dict[str, BuiltImage]:
        """Return the images of the project itself, without those that only the stack under test adds."""
        own = (await self._load()).compose.built
        return {name: artifact for name, artifact in artifacts.items() if name in own}
