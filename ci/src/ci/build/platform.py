"""The platform to build for: refused if this engine cannot run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci import tools
from ci.build import image
from ci.errors import PipelineError
from ci.platforms import MACHINES, fits
from ci.sandbox.substitutes import original

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.build.image import BuiltImage
    from ci.workspace import Workspace

__all__ = ["check", "check_bases"]


async def check(workspace: Workspace) -> None:
    """Reject a platform that the engine cannot run, before anything is built."""
    own_platform = await workspace.own_platform()
    if workspace.platform in ("", own_platform):
        return
    machine = MACHINES.get(workspace.platform.split("/")[1] if "/" in workspace.platform else "", "")
    try:
        container = dag.container(platform=dagger.Platform(workspace.platform))
        resolved = workspace.images.resolve(tools.PYTHON, where="tool image") or tools.PYTHON
        command = ["python3", "-c", "import platform; print(platform.machine())"]
        runs = (await container.from_(resolved).with_exec(command).stdout()).strip()
        reason = f"{tools.PYTHON.partition('@')[0]} is there for {runs} only"
    except dagger.QueryError as error:
        runs, reason = "", str(error)
    # The engine silently uses an image's only platform, so check what actually runs.
    if not machine or runs != machine:
        raise PipelineError(
            "build.platform-unavailable",
            f"--platform {workspace.platform}: this engine runs {own_platform} and cannot emulate it",
            details=reason,
            hint="use an engine of that platform, or one whose host emulates it (binfmt); "
            f"known are {', '.join(f'linux/{name}' for name in MACHINES)}",
        )


async def check_bases(workspace: Workspace, images: Mapping[str, BuiltImage], failure: str = "") -> None:
    """Reject images whose base is not there for the workspace's platform.

    BuildKit takes the only platform of such a base, and an image's config does not tell. `failure` is the
    error of a build that failed, whose reason this may be.
    """
    for name, built in images.items():
        if built.base and await _lacks(workspace, str(built.base)):
            base = original(workspace.images, built.base.reference)
            raise PipelineError(
                "build.base-platform-missing",
                f"service '{name}': its base {base} is not there for {workspace.platform}",
                details=failure,
                hint=f"use a base that has {workspace.platform}, or take it out of the service's platforms",
            )


async def _lacks(workspace: Workspace, reference: str) -> bool:
    """Tell whether an image that Dagger's engine can pull is not there for the workspace's platform."""
    try:
        await image.config(workspace, image.pulled(reference)).contents()
    except dagger.QueryError:
        return False
    try:
        config = await image.config(workspace, image.pulled(reference, workspace.platform)).contents()
    except dagger.QueryError:
        return True
    return not fits(json.loads(config), workspace.platform)
