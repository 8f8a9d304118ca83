"""Reach the finished images in a layer cache's repository, with the registry's program in a container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagger import dag

from ci.build.image import packed
from ci.pipeline.repository import ask
from ci.release.container import program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dagger

    from ci.workspace import Workspace

__all__ = ["RepositoryImages"]

_FOLDER = "/images"


@dataclass(frozen=True)
class RepositoryImages:
    """Fetch and store images in any repository, as `ci.layer_cache.ImageStore` asks for."""

    workspace: Workspace

    async def fetch(
        self, repository: str, digests: Mapping[str, str]
    ) -> tuple[dict[str, dagger.File], list[str]]:
        """Return the images that are there, with one call of the program, and what went wrong."""
        container = program(self.workspace).with_directory(_FOLDER, dag.directory())
        request = {"digests": dict(digests), "folder": _FOLDER}
        outcome, ran = await ask(self.workspace, repository, container, "images", request)
        if ran is None:
            return {}, outcome["problems"]
        folder = ran.directory(_FOLDER)
        return {name: packed(folder.file(f"{name}.tar")) for name in outcome["names"]}, outcome["problems"]

    async def put(self, repository: str, images: Sequence[dagger.File]) -> list[str]:
        """Store images, with one call of the program; return what went wrong."""
        container, files = program(self.workspace), []
        for number, image in enumerate(images):
            files.append(f"{_FOLDER}/{number}.tar")
            container = container.with_mounted_file(files[-1], image)
        outcome, _ = await ask(self.workspace, repository, container, "images", {"files": files})
        problems: list[str] = outcome["problems"]
        return problems
