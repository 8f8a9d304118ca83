"""Everything that stands between a commit and the registry."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from ci import parallel
from ci._dagger import function
from ci.posture import report
from ci.report import tables
from ci.scan import gate, trivy
from ci.scan.fetch import Request
from ci.stack.plan import plan
from ci.user_errors import user_errors
from ci.verbs.arguments import DatabaseRegistry, History, Jobs, Mirrors
from ci.verbs.posture import Posture
from ci.verbs.scan import Scan, targets
from ci.verbs.test import Test, suite_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagger

    from ci.build.builder import BuiltImage
    from ci.project.load import Project

__all__ = ["NO_SUITE", "SUITES", "Gate", "GateResult", "Images", "request"]

# Suites at once, one more than processors: tests wait more than they work, but they have time limits, and
# many on few processors are late for no fault of theirs.
SUITES = (os.cpu_count() or 1) + 1
# What came of the integration tests of a project that says it has none.
NO_SUITE = "none (tool.ci.integration is empty)"


@dataclass(frozen=True)
class GateResult:
    """What passed every gate: the images, what was said of them, and each one's SBOM."""

    loaded: Project
    artifacts: Mapping[str, BuiltImage]
    scanned: trivy.Outcome
    text: str

    def gates(self, service: str) -> dict[str, str]:
        """Return the gates of a service's image by name, for the release's manifest."""
        policy = self.loaded.policy
        return {
            "posture": "passed",
            "unit tests": "none" if service in policy.services_without_tests else "passed",
            "scan": "passed",
            "integration tests": "passed" if policy.integration else "none",
        }


@dataclass(frozen=True)
class Images:
    """What the gates look at: `artifacts` are all of the stack under test, `released` the project's own."""

    loaded: Project
    artifacts: dict[str, BuiltImage]
    released: dict[str, BuiltImage]


def request(
    loaded: Project,
    jobs: int,
    registry: dagger.Service | None,
    mirrors: list[str] | None,
    history: dagger.Directory | None,
) -> Request:
    """Return what the gate asks of the scan: everything, with nothing let through."""
    return Request(
        rules=gate.rules([], ignore_unfixed=False, database_days=3, complete=True),
        jobs=jobs,
        mirrors=tuple(mirrors or ()),
        registry=registry,
        history=history,
    ).under(loaded.policy, loaded.compose)


class Gate(Test, Scan, Posture):
    """The gates side by side: what fails first ends the others, and is told."""

    @function(cache="session")
    @user_errors
    async def gate(
        self,
        jobs: Jobs = 8,
        database_registry: DatabaseRegistry = None,
        mirrors: Mirrors = None,
        history: History = None,
    ) -> str:
        """Build, judge, test, scan, test all together: what CI runs on every commit, without a registry."""
        return (await self._gate(jobs, database_registry, mirrors, history)).text

    async def _images_under_test(self) -> Images:
        loaded = await self._under_test()
        if loaded.policy.integration:
            await suite_of(loaded).check()
        artifacts = await loaded.build([])
        return Images(loaded, artifacts, await self._released(artifacts))

    async def _gate(
        self,
        jobs: int,
        database_registry: dagger.Service | None,
        mirrors: list[str] | None,
        history: dagger.Directory | None = None,
    ) -> GateResult:
        images = await self._images_under_test()
        loaded, released = images.loaded, images.released
        asked = request(loaded, jobs, database_registry, mirrors, history)
        slots = anyio.CapacityLimiter(min(jobs, SUITES))
        work: dict[str, Any] = {
            "posture": partial(self._judged, loaded, released, jobs),
            "tests": partial(self._tested, loaded, released, slots),
            "scan": partial(_scanned, loaded, released, asked),
            "together": partial(self._together, loaded, images.artifacts, slots),
        }
        done = await parallel.until_one_fails(work)
        scanned: trivy.Outcome = done["scan"]
        parts = [done["posture"], done["tests"], scanned.report.text(), done["together"]]
        return GateResult(loaded, released, scanned, "\n\n".join([tables.built(released), *parts]))

    async def _judged(self, loaded: Project, released: dict[str, BuiltImage], jobs: int) -> str:
        verdict = await self._posture(loaded, released, jobs)
        if error := report.error(verdict):
            raise error
        return report.text(verdict)

    async def _tested(
        self, loaded: Project, released: dict[str, BuiltImage], slots: anyio.CapacityLimiter
    ) -> str:
        done = await self._tests(loaded, released, slots, "")
        return tables.tested([result for result, _ in done])

    async def _together(
        self, loaded: Project, artifacts: dict[str, BuiltImage], slots: anyio.CapacityLimiter
    ) -> str:
        if not loaded.policy.integration:
            return f"integration tests: {NO_SUITE}"
        stack = await plan(loaded, artifacts, list(loaded.compose.services))
        async with slots:
            return await self._integrated(suite_of(loaded), stack, rerun=False)


async def _scanned(loaded: Project, released: Mapping[str, BuiltImage], asked: Request) -> trivy.Outcome:
    outcome = await trivy.scan(loaded.builder, targets(released), asked)
    if error := outcome.report.error():
        raise error
    return outcome
