"""Compare the images that a project pins with what their tags are now."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ci import parallel
from ci.build import builder
from ci.build import drift as drifted
from ci.build.run import digest_of

if TYPE_CHECKING:
    from ci.pipeline.inputs import Inputs

__all__ = ["drift"]

_AT_ONCE = 16


async def drift(inputs: Inputs) -> str:
    """Compare each pinned image of the compose file and of the builds with its tag.

    The images of the builds are those that BuildKit used, wherever the Dockerfiles are and whatever they
    compute, so all services are built.
    """
    project = await inputs.project()
    built = await builder.build(project, [])
    used = {name: list(image.references) for name, image in built.items()}
    for name, service in project.compose.services.items():
        if service.image and not service.build:
            used[name] = [service.image]
    images = drifted.pinned(used, project.workspace.images)
    tags = {each.reference.without_digest for each in images if not each.obstacle}
    now = await parallel.run({tag: partial(digest_of, tag) for tag in sorted(tags)}, limit=_AT_ONCE)
    return drifted.judge(images, now)
