"""Print what is released now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.release import current, repository

if TYPE_CHECKING:
    import dagger

    from ci.pipeline.inputs import Inputs

__all__ = ["releases"]


async def releases(inputs: Inputs, history: dagger.Directory, form: str) -> str:
    """Read a repository's tags, and print the releases that are current."""
    project = await inputs.project()
    read = await repository.read(repository.git_log(project.workspace, history))
    return current.render(current.current(read, list(project.compose.built)), form)
