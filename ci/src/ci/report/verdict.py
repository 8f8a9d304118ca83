"""Why a run failed, in one line for each thing that failed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.report.read import INTEGRATION, INTEGRATION_TESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.report.model import Run

__all__ = ["Reason", "reasons"]

_NAMED = 3
_LONGEST = 300


@dataclass(frozen=True)
class Reason:
    """Something that failed: the gate, what it is about, and why."""

    gate: str
    subject: str
    text: str


def reasons(run: Run) -> dict[str, list[Reason]]:
    """Return why each failed gate failed, by gate."""
    found: dict[str, list[Reason]] = {}
    for name in run.summary.failed:
        why = list(_WHY[name](run)) if name in _WHY else []
        if name in run.errors and not why:
            first = run.errors[name].strip().partition("\n")[0][:_LONGEST]
            why = [Reason(name, "", first)]
        found[name] = why or [Reason(name, "", run.summary.steps[name].outcome)]
    return found


def _posture(run: Run) -> Iterator[Reason]:
    if run.posture is None:
        return
    for service, image in run.posture.images.items():
        broken = [each.rule for each in image.broken if each.waiver is None]
        if broken:
            yield Reason("posture", service, f"breaks {', '.join(broken)}")
    for each in run.posture.waivers:
        if each.status == "expired":
            yield Reason("posture", each.service, f"the waiver of {each.rule} ended on {each.until}")


def _test(run: Run) -> Iterator[Reason]:
    for name, suite in (run.tests.services if run.tests else {}).items():
        if suite.failure:
            yield Reason("test", name, f"{suite.failure}{_failed(run, name)}")


def _failed(run: Run, suite: str) -> str:
    names = [case.name for case in run.cases if case.suite == suite and case.status == "failed"]
    return f": {', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''}" if names else ""


def _scan(run: Run) -> Iterator[Reason]:
    if run.scan is None:
        return
    for name, subject in run.scan.subjects.items():
        failing = Counter(each.severity for each in subject.findings if each.status == "fails")
        if failing:
            counts = ", ".join(f"{number} {severity.lower()}" for severity, number in failing.items())
            yield Reason("scan", name, f"{failing.total()} findings fail: {counts}")
    for name, errors in run.scan.errors.items():
        for error in errors:
            yield Reason("scan", name, error)


def _integration(run: Run) -> Iterator[Reason]:
    if run.integration is None:
        return
    for text in run.integration.not_ready.values():
        yield Reason(INTEGRATION, "", text)
    if not run.integration.not_ready:
        outcome = run.integration.outcome
        yield Reason(INTEGRATION, "", f"{outcome}{_failed(run, INTEGRATION_TESTS)}")


_WHY = {"posture": _posture, "test": _test, "scan": _scan, INTEGRATION: _integration}
