"""Judge what each image is before it may leave."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci._dagger import check, function
from ci.posture import judge, report
from ci.posture.gather import gather
from ci.user_errors import user_errors
from ci.verbs.arguments import Jobs, Only
from ci.verbs.base import Base

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.build.builder import BuiltImage
    from ci.project.load import Project

__all__ = ["Posture"]


class Posture(Base):
    """The posture gate."""

    # Waivers end on a day, so a result is not kept beyond its session.
    @check
    @function(cache="session")
    @user_errors
    async def posture(self, only: Only = None, jobs: Jobs = 8) -> str:
        """Judge each image by the posture rules (user, layers, secrets, size, start and stop); red fails."""
        verdict = await self._posture_of(only, jobs)
        if error := report.error(verdict):
            raise error
        return report.text(verdict)

    @function(cache="session")
    @user_errors
    async def posture_report(self, only: Only = None, jobs: Jobs = 8) -> dagger.Directory:
        """Return the same as files, also when red: table, Markdown, JSON, each image's layers."""
        return self._posture_directory(await self._posture_of(only, jobs))

    def _posture_directory(self, verdict: judge.Verdict) -> dagger.Directory:
        """Return the report of a verdict."""
        directory = dag.directory()
        for name, text in report.directory(verdict).items():
            directory = directory.with_new_file(name, text)
        return directory

    async def _posture_of(self, only: list[str] | None, jobs: int) -> judge.Verdict:
        # What the stack under test sets is what makes a service start: a stand-in's address, say.
        loaded = await self._under_test()
        own = list((await self._load()).compose.built)
        return await self._posture(loaded, await loaded.build(only or own), jobs)

    async def _posture(
        self, loaded: Project, artifacts: Mapping[str, BuiltImage], jobs: int
    ) -> judge.Verdict:
        images = await gather(loaded, artifacts, jobs)
        today = datetime.now(UTC).date()
        return judge.judge(images, loaded.policy, today, list(loaded.compose.built))
