"""All gates concurrently, between a commit and the registry: the first failure cancels the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from ci import parallel
from ci.build.builder import build
from ci.pipeline import gates
from ci.posture import report as posture_report
from ci.report import tables
from ci.testing import integration

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagger

    from ci.build.image import BuiltImage
    from ci.pipeline.inputs import Inputs
    from ci.project.load import Project
    from ci.scan import trivy

__all__ = ["NO_SUITE", "GateResult", "Images", "build_images", "gate"]

# The outcome of the integration tests of a project whose policy says that it has none.
NO_SUITE = "none (tool.ci.integration is empty)"


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
        policy = self.project.policy
        return {
            "posture": "passed",
            "unit tests": "none" if service in policy.services_without_tests else "passed",
            "scan": "passed",
            "integration tests": "passed" if policy.integration else "none",
        }


async def build_images(inputs: Inputs, *, with_suite: bool = True) -> Images:
    """Build the images of the stack under test; those that only it adds are not released.

    With `with_suite` a missing integration suite is an error before anything is built.
    """
    project = await inputs.under_test()
    if with_suite and project.policy.integration:
        await gates.suite_of(project).check()
    built = await build(project, [])
    released = (await inputs.project()).compose.built
    return Images(project, built, {name: image for name, image in built.items() if name in released})


async def gate(inputs: Inputs, history: dagger.Directory | None = None) -> GateResult:
    """Build, judge, test and scan all images, and test them together."""
    images = await build_images(inputs)
    slots = anyio.CapacityLimiter(min(inputs.jobs, gates.SUITES))
    work: dict[str, Any] = {
        "posture": partial(_posture, inputs, images),
        "tests": partial(_unit_tests, images, slots),
        "scan": partial(_scan, inputs, images, history),
        "integration": partial(_integration_tests, images, slots),
    }
    done = await parallel.until_one_fails(work)
    scanned: trivy.Outcome = done["scan"]
    parts = [done["posture"], done["tests"], scanned.report.text(), done["integration"]]
    text = "\n\n".join([tables.built(images.released), *parts])
    return GateResult(images.project, images.released, scanned, text)


async def _posture(inputs: Inputs, images: Images) -> str:
    verdict = await gates.judge_posture(images.project, images.released, inputs.jobs)
    if error := posture_report.error(verdict):
        raise error
    return posture_report.text(verdict)


async def _unit_tests(images: Images, slots: anyio.CapacityLimiter) -> str:
    runs = await gates.unit_tests(images.project, images.released, slots)
    return tables.tested([result for result, _ in runs])


async def _scan(inputs: Inputs, images: Images, history: dagger.Directory | None) -> trivy.Outcome:
    request = gates.scan_request(inputs, images.project, history=history)
    outcome = await gates.scan_images(images.project, images.released, request)
    if error := outcome.report.error():
        raise error
    return outcome


async def _integration_tests(images: Images, slots: anyio.CapacityLimiter) -> str:
    if not images.project.policy.integration:
        return f"integration tests: {NO_SUITE}"
    async with slots:
        suite = gates.suite_of(images.project)
        tested = await gates.integration_tests(images.project, images.built, suite)
    if error := integration.red(tested):
        raise error
    return integration.text(tested)
