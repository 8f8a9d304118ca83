"""The figures at the top of the page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ci.report.model import Run

__all__ = ["Overview", "overview"]


@dataclass(frozen=True)
class Overview:
    """Sums over a run: None is for a gate that did not run."""

    size: int
    earlier_size: int | None
    tests: int | None
    failed: int
    skipped: int
    lines: int
    ran: int
    findings: int | None
    failing: int
    severities: dict[str, int]
    up: int | None
    up_after: float
    broken: int
    rules: int
    wasted: int


def overview(run: Run) -> Overview:
    """Add up the figures of a run."""
    suites = list((run.tests.services if run.tests else {}).values())
    integration, scan, posture = run.integration, run.scan, run.posture
    images = list((posture.images if posture else {}).values())
    found = [each for subject in (scan.subjects if scan else {}).values() for each in subject.findings]
    earlier = run.earlier.images if run.earlier else None
    rules = [status for image in images for status in image.rules().values()]
    counts = [(each.tests, each.failed) for each in suites]
    if integration:
        counts.append((integration.tests, integration.failed))
    return Overview(
        size=sum(image.size for image in run.summary.images.values()),
        earlier_size=None if earlier is None else sum(image.size for image in earlier.values()),
        tests=sum(tests for tests, _ in counts) if run.tests or integration else None,
        failed=sum(failed for _, failed in counts),
        skipped=sum(each.skipped for each in suites),
        lines=sum(each.lines for each in run.coverage),
        ran=sum(each.ran for each in run.coverage),
        findings=len(found) if scan else None,
        failing=sum(each.status == "fails" for each in found),
        severities=dict(Counter(each.severity for each in found)),
        up=len(integration.up_after) if integration else None,
        up_after=max(integration.up_after.values(), default=0.0) if integration else 0.0,
        broken=rules.count("broken"),
        rules=len(rules),
        wasted=sum(image.wasted for image in images),
    )
