"""Get the texts out of a repository's history, in the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci import tools
from ci.module_source import program
from ci.scan import history

if TYPE_CHECKING:
    from ci.workspace import Workspace

__all__ = ["pack"]


async def pack(
    workspace: Workspace, repository: dagger.Directory, skip: tuple[str, ...]
) -> tuple[dagger.File, history.History]:
    """Pack the texts that the source no longer has, and return them with what they are.

    A packed file is what the engine keys by content: an edit of the source that brings nothing back
    and takes nothing away has the history not scanned again.
    """
    # Not its configuration and hooks: they may hold credentials, and name programs to run.
    commits = dag.directory().with_directory("/", repository, include=list(history.NEEDED))
    raw = (
        workspace.tool(tools.GIT)
        .with_mounted_file("/git_history.sh", program("git_history.sh"))
        .with_mounted_file("/git_open.sh", program("git_open.sh"))
        .with_mounted_directory("/repository", commits, read_only=True)
        .with_exec(["sh", "/git_history.sh", "/repository", "/raw", str(history.LIMIT)])
        .directory("/raw")
    )
    packed = (
        workspace.tool(tools.PYTHON)
        .with_mounted_file("/git_history.py", program("git_history.py"))
        .with_mounted_directory("/raw", raw)
        .with_mounted_directory("/source", workspace.source)
        .with_exec(
            ["python3", "/git_history.py", "pack", "/raw", "/source", "/output", str(history.LIMIT), *skip]
        )
        .directory("/output")
    )
    try:
        about = history.read(await packed.file("about.json").contents())
    except dagger.ExecError as error:
        raise history.failure(error.exit_code, error.stderr) from error
    return packed.file("history.tar"), about
