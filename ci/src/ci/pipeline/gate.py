"""All gates concurrently, between a commit and the registry: the first failure cancels the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from ci import parallel
from ci.build.builder import build_all
from ci.evidence import shards
from ci.pipeline import gates
from ci.posture import judge
from ci.release.summary import SKIPPED
from ci.report import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagger

    from ci.build.image import BuiltImage
    from ci.pipeline.inputs import Inputs
    from ci.project.load import Project
    from ci.scan import trivy
    from ci.scan.fetch import Request

__all__ = ["NO_SUITE", "GateResult", "Images", "build_images", "gate", "part", "shard"]

# The outcome of the integration tests of a project whose policy says that it has none.
NO_SUITE = "none (the setting integration is empty)"


@dataclass(frozen=True)
class Images:
    """What the gates look at: `built` are all images under test, `released` those of the project itself."""

    project: Project
    built: dict[str, BuiltImage]
    released: dict[str, BuiltImage]


@dataclass(frozen=True)
class GateResult:
    """What passed every gate: the images, the scan with their SBOMs, and the printed tables."""

    project: Project
    images: Mapping[str, BuiltImage]
    scanned: trivy.Outcome
    text: str

    def gates(self, service: str) -> dict[str, str]:
        """List the gates of a service's image by name, for the release manifest."""
        policy, image = self.project.policy, self.images[service]
        runs = SKIPPED if image.platform else "passed"
        tests = "passed" if self.project.platforms.emulated else runs
        return {
            "posture": f"passed, start {SKIPPED}" if image.platform else "passed",
            "unit tests": "none" if image.service.name in policy.services_without_tests else tests,
            "scan": "passed",
            "integration tests": runs if policy.integration else "none",
        }


async def build_images(inputs: Inputs, read: Project | None = None, *, with_suite: bool = True) -> Images:
    """Build the images of the stack under test; those that only it adds are not released.

    With `with_suite` a missing integration suite is an error before anything is built.
    """
    own, project = await inputs.projects(read)
    if with_suite and project.policy.integration:
        await gates.suite_of(project).check()
    judge.check_settings(project.policy, list(project.compose.built))
    gates.check_skipped(project)
    project.evidence.ask_ahead()
    images = await build_all(project, [])
    built = {name: image for name, image in images.items() if not image.platform}
    released = {name: image for name, image in images.items() if image.service.name in own.compose.built}
    return Images(project, built, released)


async def part(inputs: Inputs, only: list[str], history: dagger.Directory | None) -> str:
    """Run the gates of some services, of the source, or of the stack: what one of several machines does."""
    own, project = await inputs.projects()
    services, source, stack = shards.chosen(only, list(own.compose.built))
    if stack and project.policy.integration:
        await gates.suite_of(project).check()
    judge.check_settings(project.policy, list(project.compose.built))
    slots = anyio.CapacityLimiter(min(inputs.jobs, gates.SUITES))
    request = replace(gates.scan_request(inputs, project, history=history if source else None), source=source)
    async with project.evidence:
        if services:
            gates.check_skipped(project)
        every = await build_all(project, [] if stack else services) if stack or services else {}
        built = {name: image for name, image in every.items() if not image.platform}
        images = {name: image for name, image in every.items() if image.service.name in services}
        work: dict[str, Any] = {}
        if images:
            work["posture"] = partial(gates.passed_posture, project, images, inputs.jobs)
            work["tests"] = partial(gates.passed_tests, project, images, slots)
        if images or source:
            work["scan"] = partial(_scanned, project, images, request)
        if stack:
            work["integration"] = partial(_integration_tests, Images(project, built, images), slots)
        done = await parallel.until_one_fails(work)
        return await gates.noted(project, "\n\n".join(done.values()))


async def shard(inputs: Inputs, count: int) -> str:
    """Divide what `part` does among machines, by how long it took the last time."""
    own, project = await inputs.projects()
    suite = bool(project.policy.integration)
    recorded = await project.evidence.durations()
    return shards.matrix(shards.divide(list(own.compose.built), count, recorded, suite=suite))


async def _scanned(project: Project, images: Mapping[str, BuiltImage], request: Request) -> str:
    return (await gates.passed_scan(project, images, request)).report.text()


async def gate(
    inputs: Inputs, history: dagger.Directory | None = None, read: Project | None = None
) -> GateResult:
    """Build, check, test and scan all images, and test them together; `read` is the project if known."""
    images = await build_images(inputs, read)
    slots = anyio.CapacityLimiter(min(inputs.jobs, gates.SUITES))
    project, released = images.project, images.released
    request = gates.scan_request(inputs, project, history=history)
    work: dict[str, Any] = {
        "posture": partial(gates.passed_posture, project, released, inputs.jobs),
        "tests": partial(gates.passed_tests, project, released, slots),
        "scan": partial(gates.passed_scan, project, released, request),
        "integration": partial(_integration_tests, images, slots),
    }
    async with project.evidence:
        done = await parallel.until_one_fails(work)
        scanned: trivy.Outcome = done["scan"]
        parts = [done["posture"], done["tests"], scanned.report.text(), done["integration"]]
        parts += _skipped(project, released)
        text = await gates.noted(project, "\n\n".join([tables.built(released), *parts]))
    return GateResult(project, released, scanned, text)


def _skipped(project: Project, images: Mapping[str, BuiltImage]) -> list[str]:
    """Return what to say of gates that did not run; nothing if all did."""
    found = {name: gates.skipped(project, image) for name, image in images.items()}
    lines = [f"skipped: {name}: {', '.join(each)}" for name, each in found.items() if each]
    return ["\n".join(lines)] if lines else []


async def _integration_tests(images: Images, slots: anyio.CapacityLimiter) -> str:
    if not images.project.policy.integration:
        return f"integration tests: {NO_SUITE}"
    async with slots:
        suite = gates.suite_of(images.project)
        return await gates.passed_integration(images.project, images.built, suite)
