"""Each gate by itself: run it, and print what it found or fail."""

from __future__ import annotations

import dataclasses
import os
import secrets
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from dagger import dag

from ci import parallel, platforms
from ci.build.builder import build, build_all
from ci.posture import judge
from ci.posture import report as posture_report
from ci.posture.gather import gather
from ci.report import tables
from ci.scan import gate as scan_gate
from ci.scan import trivy
from ci.scan.fetch import Request
from ci.stack.plan import plan
from ci.testing import emulation, integration, results
from ci.testing.discover import discover
from ci.testing.runs import Run, UnitTests
from ci.testing.suite import Suite, no_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    import anyio
    import dagger

    from ci.build.image import BuiltImage
    from ci.pipeline.inputs import Inputs
    from ci.project.load import Project
    from ci.scan.gate import Rules

__all__ = [
    "SUITES",
    "UnitTestRuns",
    "check_skipped",
    "integration_tests",
    "judge_posture",
    "noted",
    "passed_integration",
    "passed_posture",
    "passed_scan",
    "passed_tests",
    "posture",
    "scan",
    "scan_images",
    "scan_request",
    "skipped",
    "suite_of",
    "test",
    "test_disruption",
    "test_integration",
    "unit_tests",
]

# Suites at once, one more than processors: tests wait more than they work, but they have time limits, and
# many on few processors would exceed these through no fault of their own.
SUITES = (os.cpu_count() or 1) + 1
# Each disrupted stack has its own engine.
_DISRUPTED_AT_ONCE = 2

UnitTestRuns = list[Run]


async def posture(inputs: Inputs, only: list[str]) -> str:
    """Judge images by the posture rules; fail if one is broken."""
    # What the stack under test sets may be what lets a service start.
    own, project = await inputs.projects()
    judge.check_settings(project.policy, list(project.compose.built))
    async with project.evidence:
        check_skipped(project, "start")
        images = await build_all(project, only or list(own.compose.built))
        return await noted(project, await passed_posture(project, images, inputs.jobs))


async def passed_posture(project: Project, images: Mapping[str, BuiltImage], jobs: int) -> str:
    """Judge built images; return the table, or fail if a rule is broken."""
    verdict = await judge_posture(project, images, jobs)
    if error := posture_report.error(verdict):
        raise error
    return posture_report.text(verdict)


async def judge_posture(project: Project, images: Mapping[str, BuiltImage], jobs: int) -> judge.Verdict:
    """Judge built images by the posture rules."""
    facts = await gather(project, images, jobs)
    return judge.judge(facts, project.policy, datetime.now(UTC).date(), list(project.compose.built))


async def test(inputs: Inputs, only: list[str], *, rerun: bool) -> str:
    """Run unit tests in the images; fail if one fails."""
    project = await inputs.project()
    async with project.evidence:
        images = await (build_all if project.platforms.emulated else build)(project, only)
        limit = min(inputs.jobs, SUITES)
        return await noted(project, await passed_tests(project, images, limit, rerun=rerun))


async def passed_tests(
    project: Project,
    images: Mapping[str, BuiltImage],
    limit: int | anyio.CapacityLimiter,
    *,
    rerun: bool = False,
) -> str:
    """Run the unit tests of built images; return the table, or fail if one fails."""
    runs = await unit_tests(project, images, limit, rerun=rerun)
    return tables.tested([result for result, _ in runs])


async def unit_tests(
    project: Project,
    images: Mapping[str, BuiltImage],
    limit: int | anyio.CapacityLimiter,
    *,
    rerun: bool = False,
    identify: bool = False,
) -> UnitTestRuns:
    """Run the unit tests of built images: each one's result and its output folder.

    With `identify`, results have the digest of their inputs, by which runs are compared.
    """
    nonce = secrets.token_hex(8) if rerun else ""
    untested = project.policy.services_without_tests
    tested = {
        name: image
        for name, image in images.items()
        if image.service.name not in untested and (project.platforms.emulated or not image.platform)
    }
    services = [image.service for image in tested.values()]
    found = await discover(project.workspace.listing, project.policy, services)
    emulated = {name: await emulation.of(project, image) for name, image in tested.items()}
    shared: dict[str, parallel.Once[Run]] = {}
    work = {
        name: partial(UnitTests(where, found, nonce, identify, shared).run, image)
        for name, (where, image) in emulated.items()
    }
    try:
        done = list((await parallel.run(work, limit=limit)).values())
    finally:
        await emulation.ended(image for _, image in emulated.values())
    return done + [
        (_not_run(project, image), dag.directory()) for name, image in images.items() if name not in work
    ]


def _not_run(project: Project, image: BuiltImage) -> results.Result:
    if image.service.name in project.policy.services_without_tests:
        return results.untested(image.name)
    return results.skipped(image.name, image.platform)


def skipped(project: Project, image: BuiltImage) -> tuple[str, ...]:
    """Return the gates that do not run for an image, because the engine does not run its platform."""
    policy = project.policy
    tests = image.service.name not in policy.services_without_tests and not project.platforms.emulated
    return platforms.skipped(image.name, tests=tests, integration=bool(policy.integration))


def check_skipped(project: Project, *gates: str) -> None:
    """Reject platforms for which one of these gates, or any, would be skipped that must not be."""
    policy = project.policy
    allowed = {*policy.skippable_gates, *(set(platforms.GATES) - set(gates or platforms.GATES))}
    platforms.check_skipped(
        project.platforms, sorted(allowed), policy.place, integration=bool(policy.integration)
    )


async def scan(  # noqa: PLR0913, PLR0917 - the options of the function
    inputs: Inputs,
    only: list[str],
    rules: Rules,
    vex: list[str],
    history: dagger.Directory | None,
    base: dagger.File | None,
) -> str:
    """Scan images and the source; fail if something must not pass."""
    project = await inputs.project()
    request = dataclasses.replace(scan_request(inputs, project, rules, history, base), vex=tuple(vex))
    async with project.evidence:
        outcome = await passed_scan(project, await build_all(project, only), request)
        return await noted(project, outcome.report.text())


async def passed_scan(project: Project, images: Mapping[str, BuiltImage], request: Request) -> trivy.Outcome:
    """Scan built images, and the source if the request says so; fail if something must not pass."""
    outcome = await scan_images(project, images, request)
    if error := outcome.report.error():
        raise error
    return outcome


def scan_request(
    inputs: Inputs,
    project: Project,
    rules: Rules | None = None,
    history: dagger.Directory | None = None,
    base: dagger.File | None = None,
) -> Request:
    """Collect what a scan needs; without rules those of the gate: everything, nothing let through."""
    applied = rules or scan_gate.Rules()
    return Request(
        rules=applied,
        jobs=inputs.jobs,
        source=applied.complete,
        base=base,
        mirrors=tuple(inputs.database_mirrors),
        registry=inputs.database_registry,
        database=inputs.database,
        history=history,
    ).under(project.policy, project.compose)


async def scan_images(project: Project, images: Mapping[str, BuiltImage], request: Request) -> trivy.Outcome:
    """Scan built images, and the source if the request says so."""
    targets = {
        name: trivy.Target(
            image.packed, image.digest, str(image.base or ""), image.base_layers, image.platform
        )
        for name, image in images.items()
    }
    return await trivy.scan(project.workspace, targets, request, project.evidence)


async def test_integration(inputs: Inputs, cases: list[str], *, rerun: bool) -> str:
    """Run the integration suite in the stack; fail if the stack does not come up or a test fails."""
    project = await inputs.under_test()
    suite = suite_of(project, cases)
    await suite.check()
    async with project.evidence:
        images = await build(project, [])
        return await noted(project, await passed_integration(project, images, suite, rerun=rerun))


async def passed_integration(
    project: Project, images: Mapping[str, BuiltImage], suite: Suite, *, rerun: bool = False
) -> str:
    """Run a suite in a stack of all services; return the table, or fail if a test fails."""
    tested = await integration_tests(project, images, suite, rerun=rerun)
    if error := integration.error(tested):
        raise error
    return integration.text(tested)


async def integration_tests(
    project: Project, images: Mapping[str, BuiltImage], suite: Suite, *, rerun: bool = False
) -> integration.Tested:
    """Run a suite in a stack of all services."""
    stack = await plan(project, images, list(project.compose.services))
    return await integration.run(project.evidence, stack, suite, rerun=rerun)


async def test_disruption(inputs: Inputs, cases: list[str], *, rerun: bool) -> str:
    """Run each file of disruption tests in its own stack; fail if a test fails."""
    project = await inputs.under_test()
    suite = suite_of(project)
    await suite.check()
    found = await suite.disruption_files()
    files = [name for name in found if not cases or any(case in name for case in cases)]
    if not files:
        raise no_files(project.policy.disruption, cases)

    async def one(name: str) -> results.Result:
        tested = await integration_tests(
            project, images, dataclasses.replace(suite, isolated=name), rerun=rerun
        )
        if tested.result is None:
            raise tested.outcome.error or AssertionError("a stack that is up has a result")
        return tested.result

    async with project.evidence:
        images = await build(project, [])
        done = await parallel.run({name: partial(one, name) for name in files}, limit=_DISRUPTED_AT_ONCE)
        return await noted(project, tables.tested(list(done.values())))


async def noted(project: Project, text: str) -> str:
    """Add to a table what was known before, and what is known from now on."""
    await project.evidence.write()
    return "\n\n".join(filter(None, (text, project.evidence.note())))


def suite_of(project: Project, cases: list[str] | None = None) -> Suite:
    """Create the project's suite, which gets the variables that its compose files require."""
    variables = tuple(sorted(project.compose.placeholders))
    return Suite(project.workspace, project.policy, tuple(cases or ()), variables=variables)
