"""Read a repository's commits and tags in the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci import tools
from ci.errors import PipelineError
from ci.module_source import program
from ci.release import history
from ci.scan.history import NEEDED

if TYPE_CHECKING:
    from ci.release.history import History
    from ci.workspace import Workspace

__all__ = ["git_log", "read"]


def git_log(workspace: Workspace, repository: dagger.Directory) -> dagger.Directory:
    """Return the folder that git_log.sh makes of a Git directory."""
    # Not its configuration and hooks: they may hold credentials, and name programs to run.
    commits = dag.directory().with_directory("/", repository, include=list(NEEDED))
    return (
        workspace.tool(tools.GIT)
        .with_mounted_file("/git_log.sh", program("git_log.sh"))
        .with_mounted_file("/git_open.sh", program("git_open.sh"))
        .with_mounted_directory("/repository", commits, read_only=True)
        .with_exec(["sh", "/git_log.sh", "/repository", "/log"])
        .directory("/log")
    )


async def read(folder: dagger.Directory, commit: str = "") -> History:
    """Read the commits and tags; a history without `commit`, the one that is released, is an error."""
    try:
        names = await folder.entries()
        found = history.read(
            await folder.file("log").contents(),
            await folder.file("tags").contents(),
            shallow="shallow" in names,
        )
    except dagger.ExecError as error:
        raise PipelineError(
            "release.history-unreadable",
            "--history: Git cannot read this repository",
            details=error.stderr,
            hint='give .git of a clone; in a linked worktree: --history "$(git rev-parse --git-common-dir)"',
        ) from error
    if commit and commit not in found.commits:
        raise PipelineError(
            "release.commit-not-in-history",
            f"--history has no commit {commit}",
            hint="give .git of the released clone, with all its commits (actions/checkout: fetch-depth: 0)",
        )
    return found
