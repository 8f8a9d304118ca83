"""Report how much of a repository's history was scanned."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ci.errors import PipelineError

__all__ = ["LIMIT", "NEEDED", "REFUSED", "SUBJECT", "History", "failure", "read"]

# What the history's own row is called, beside the services' and the source's.
SUBJECT = "(history)"
# What of a Git directory is looked at; a reftable only to say that it is not read.
NEEDED = ("HEAD", "objects/**", "packed-refs", "refs/**", "reftable/**", "shallow")
# Bytes of the largest file that is looked at: keys and tokens are in small ones.
LIMIT = 1024 * 1024
# What git_history.sh ends with when the folder is not what it should be.
REFUSED = 3


@dataclass(frozen=True)
class History:
    """How much there was: commits, and texts that the source does not have any more.

    `large` counts the files over `limit` bytes, `missing` those that a partial clone lacks: neither was
    looked at.
    """

    commits: int
    texts: int
    shallow: bool
    missing: int
    large: int
    limit: int

    def remark(self) -> str:
        """Summarize what was scanned and what was not, in one line."""
        text = f"history: {self.texts} texts of {self.commits} commits"
        if self.shallow:
            text += "; a shallow clone: nothing before these was looked at (git fetch --unshallow)"
        if self.large:
            text += f"; {self.large} files over {self.limit // 1024} KiB not looked at"
        if self.missing:
            text += f"; {self.missing} files that are not in this clone not looked at (git fetch --refetch)"
        return text


def read(text: str) -> History:
    """Read what `container_scripts/git_history.py` wrote."""
    return History(**json.loads(text))


def failure(exit_code: int, stderr: str) -> PipelineError:
    """Return the error for a folder in which Git finds no history, or one it cannot read."""
    if exit_code == REFUSED:
        return PipelineError(
            "scan.history-not-a-repository",
            f"--history: not a Git directory: {stderr.strip()}",
            hint="give .git of a clone; in a linked worktree: "
            '--history "$(git rev-parse --git-common-dir)"; refs in a reftable: first '
            "`git refs migrate --ref-format=files` in a copy",
        )
    return PipelineError(
        "scan.history-unreadable",
        "--history: Git cannot read this repository",
        details=stderr,
        hint="see its output above; `git fsck` in the clone says what is broken. A clone that borrows "
        "objects of another gets its own with `git repack -a -d`",
    )
