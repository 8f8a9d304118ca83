"""Find the version that a project declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagger

from ci import tools
from ci.errors import PipelineError
from ci.release import version

if TYPE_CHECKING:
    from ci.project.load import Project

__all__ = ["declared"]


async def declared(project: Project) -> str:
    """Return the declared version; empty if the tag alone decides."""
    place, listing = project.policy.version, project.workspace.listing
    if place == version.TAG:
        return ""
    if place.startswith(version.COMMAND):
        return version.printed(await _output(project, place.removeprefix(version.COMMAND)), where=place)
    if not await listing.has(place):
        raise PipelineError(
            "version.no-file",
            f"there is no {place}, which declares the version",
            hint=f'create it, or set version = "{version.TAG}", another file, or "{version.COMMAND}…"',
        )
    return version.read(await listing.text(place), where=place)


async def _output(project: Project, command: str) -> str:
    """Run a command in the source, with the shell and Python of the tool image and nothing else."""
    container = project.workspace.tool(tools.PYTHON).with_mounted_directory(
        "/source", project.workspace.source
    )
    try:
        return await container.with_workdir("/source").with_exec(["sh", "-c", command]).stdout()
    except dagger.ExecError as error:
        raise PipelineError(
            "version.command-failed",
            f"the command for the version ends with exit code {error.exit_code}: {command}",
            details=error.stderr,
            hint="correct it; it has a shell, Python and the source, but no .git",
        ) from error
