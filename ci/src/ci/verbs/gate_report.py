"""What all gates say, red or green, in one report."""

from __future__ import annotations

import json
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import anyio
import dagger
from dagger import Doc, dag

from ci import parallel
from ci._dagger import function
from ci.posture import report
from ci.report import summary
from ci.scan import trivy
from ci.stack.plan import plan
from ci.testing import integration
from ci.user_errors import user_errors
from ci.verbs.arguments import DatabaseRegistry, History, Jobs, Mirrors
from ci.verbs.gate import NO_SUITE, SUITES, Gate, Images, request
from ci.verbs.scan import targets
from ci.verbs.test import suite_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ci.posture.judge import Verdict
    from ci.scan.report import Report
    from ci.testing.results import Result

__all__ = ["GateReport"]

# What may come of the integration tests without making the report red.
_GREEN = ("passed", NO_SUITE)

T = TypeVar("T")
EarlierSummary = Annotated[
    dagger.File | None, Doc("summary.json of an earlier run: each image's size is compared with it")
]


class GateReport(Gate):
    """The gates, none of which stops the others."""

    @function(cache="session")
    @user_errors
    async def gate_report(
        self,
        jobs: Jobs = 8,
        database_registry: DatabaseRegistry = None,
        mirrors: Mirrors = None,
        history: History = None,
        base: EarlierSummary = None,
    ) -> dagger.Directory:
        """Run every gate, also after a red one; return a summary (Markdown, text, JSON) and their reports."""
        earlier = summary.sizes(await base.contents()) if base else None
        images, building = await _timed(self._images_under_test())
        loaded, released = images.loaded, images.released
        asked = request(loaded, jobs, database_registry, mirrors, history)
        slots = anyio.CapacityLimiter(min(jobs, SUITES))
        work: dict[str, Any] = {
            "posture": lambda: _timed(self._posture(loaded, released, jobs)),
            "tests": lambda: _timed(self._tests(loaded, released, slots, "")),
            "scan": lambda: _timed(trivy.scan(loaded.builder, targets(released), asked)),
            "together": lambda: self._together_report(images, slots),
        }
        done = await parallel.run(work, limit=len(work))
        (verdict, judging), (tested, testing) = done["posture"], done["tests"]
        scanned, scanning = done["scan"]
        together: dagger.Directory
        (together, outcome), integrating = done["together"]
        results = [result for result, _ in tested]
        tests = await self._tests_directory(tested)
        steps = [
            _step("build", [], building),
            _step("posture", verdict.reds, judging),
            _step("unit tests", [each.name for each in results if each.red], testing),
            _step("scan", scanned.report.verdict.reds, scanning),
            summary.Step("integration tests", outcome, outcome not in _GREEN, integrating),
        ]
        written = summary.Summary(_images(images, verdict, results, scanned.report), steps, earlier)
        details = [report.markdown(verdict), await tests.file("tests.md").contents()]
        return (
            together.with_directory("posture", self._posture_directory(verdict))
            .with_directory("tests", tests)
            .with_directory("scan", await scanned.directory(jobs))
            .with_new_file("summary.txt", written.text() + "\n")
            .with_new_file("summary.md", written.markdown([*details, scanned.report.markdown()]))
            .with_new_file("summary.json", written.json())
        )

    async def _together_report(
        self, images: Images, slots: anyio.CapacityLimiter
    ) -> tuple[tuple[dagger.Directory, str], float]:
        """Return the integration suite's report in its folder, what came of the suite, and its seconds."""
        if not images.loaded.policy.integration:
            return (dag.directory(), NO_SUITE), 0.0
        stack = await plan(images.loaded, images.artifacts, list(images.loaded.compose.services))
        async with slots:
            run = integration.run(stack, suite_of(images.loaded), rerun=False)
            tested, seconds = await _timed(run)
        reports = await integration.report(tested)
        outcome = json.loads(await reports.file("summary.json").contents())["outcome"]
        return (dag.directory().with_directory("integration", reports), outcome), seconds


async def _timed(work: Awaitable[T]) -> tuple[T, float]:
    """Return what the work returns, and its seconds."""
    began = monotonic()
    return await work, monotonic() - began


def _step(name: str, reds: list[str], seconds: float) -> summary.Step:
    return summary.Step(name, f"red: {', '.join(reds)}" if reds else "passed", bool(reds), seconds)


def _images(images: Images, verdict: Verdict, results: list[Result], scanned: Report) -> list[summary.Image]:
    outcomes = {result.name: result.row[-1] for result in results}
    return [
        summary.Image(
            service=name,
            digest=artifact.digest,
            size=artifact.facts["size"],
            built=artifact.built,
            posture=_posture(verdict, name),
            tests=outcomes[name],
            scan="fails" if scanned.verdict.red(name) else "passes",
        )
        for name, artifact in images.released.items()
    ]


def _posture(verdict: Verdict, service: str) -> str:
    broken = [each.rule.id for each in verdict.of(service) if each.waiver is None]
    return f"breaks {', '.join(broken)}" if broken else "passes"
