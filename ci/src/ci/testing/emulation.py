"""Unit tests of an image for a platform that the engine does not run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.sandbox.container import emulator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ci.build.image import BuiltImage
    from ci.project.load import Project

__all__ = ["ended", "of"]


async def of(project: Project, image: BuiltImage) -> tuple[Project, BuiltImage]:
    """Return the project for an image's platform, and the image with what runs its programs meanwhile."""
    if not image.platform:
        return project, image
    service = await emulator(project.workspace, image.platform)
    if service is None:
        raise PipelineError(
            "test.not-emulated",
            f"service '{image.service.name}': there is no emulator here for {image.platform}",
            hint="leave out --emulate-tests, or give an image with an emulator with --images",
        )
    workspace = replace(project.workspace, platform=image.platform)
    return replace(project, workspace=workspace), replace(image, emulator=service)


async def ended(images: Iterable[BuiltImage]) -> None:
    """Stop what emulates: Dagger would kill it at the end of the call, and the kernel keep its handler."""
    for image in images:
        if image.emulator is not None:
            await image.emulator.stop()
