"""Lint the project, and format it."""

from __future__ import annotations

import dagger

from ci._dagger import check, function
from ci.lint import linters
from ci.lint.run import Lint as Linting
from ci.user_errors import user_errors
from ci.verbs.arguments import Jobs
from ci.verbs.base import Base

__all__ = ["Lint"]


class Lint(Base):
    """Linters and the formatter, in the versions of the project's lock."""

    @check
    @function()
    @user_errors
    async def lint(self, jobs: Jobs = 2) -> str:
        """Run the linters that tool.ci.lint names, all of them; what one finds fails the call."""
        return linters.judge(await Linting(await self._under_test()).run(jobs))

    @function()
    @user_errors
    async def format(self) -> dagger.Changeset:
        """Return what ruff changes; the command line shows it and asks whether to apply it."""
        return Linting(await self._load()).formatted()
