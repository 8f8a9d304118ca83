"""What ran beside what in a run, and which steps decided how long it took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ci.report.read import INTEGRATION, INTEGRATION_TESTS, START

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.report.documents import Reused, Step
    from ci.report.model import Run

__all__ = ["Bar", "Timeline", "timeline"]

# Parts of a gate that are drawn: the longest of them.
_PARTS = 12


@dataclass(frozen=True)
class Bar:
    """A step, or a part of one; `started` is in seconds since the run began, None if it is not known."""

    name: str
    outcome: str
    failed: bool
    seconds: float
    started: float | None
    critical: bool = False
    part: bool = False
    reused: Reused | None = None


@dataclass(frozen=True)
class Timeline:
    """The bars in their order, the seconds of the whole run, and how many parts are not among the bars."""

    bars: tuple[Bar, ...]
    seconds: float
    hidden: int
    remark: str


def timeline(run: Run) -> Timeline:
    """Arrange the steps of a run."""
    steps = run.summary.steps
    ends = {name: step.ended for name, step in steps.items() if step.ended is not None}
    last = max(ends, key=lambda name: ends[name], default="")
    critical = {last, "build"} & steps.keys()
    parts = list(_parts(run))
    drawn = sorted(parts, key=lambda each: -each[1].seconds)[:_PARTS]
    bars = []
    for name, step in steps.items():
        bars.append(
            Bar(
                name,
                step.outcome,
                step.failed,
                step.seconds,
                step.started,
                critical=name in critical,
                reused=step.reused,
            )
        )
        bars += [bar for gate, bar in parts if gate == name and (gate, bar) in drawn]
    seconds = max(ends.values(), default=sum(step.seconds for step in steps.values()))
    return Timeline(tuple(bars), seconds, len(parts) - len(drawn), _remark(steps, ends, last))


def _parts(run: Run) -> Iterator[tuple[str, Bar]]:
    """Yield what ran within a gate during this run; a cached result ran earlier."""
    if not run.summary.began:
        return
    began = datetime.fromisoformat(run.summary.began).timestamp()
    cached = {name for name, suite in (run.tests.services if run.tests else {}).items() if suite.cached}
    if run.integration and run.integration.cached:
        cached |= {INTEGRATION_TESTS, START}
    for name, ran in run.ran.items():
        if name not in cached:
            gate = INTEGRATION if name in (INTEGRATION_TESTS, START) else "test"
            yield gate, Bar(name, "", failed=False, seconds=ran.seconds, started=ran.at - began, part=True)


def _remark(steps: dict[str, Step], ends: dict[str, float], last: str) -> str:
    """Say which steps decided how long the run took, and what a faster last one would save."""
    if len(ends) < len(steps):
        return "When the steps started is not recorded in this report, so only their durations are shown."
    others = [end for name, end in ends.items() if name not in (last, "build")]
    if not others:
        return ""
    before = "build and then " if "build" in steps and last != "build" else ""
    saved = ends[last] - max(others)
    return (
        f"What decided how long the run took: {before}{last}. "
        f"Without {last} it would have been {saved:.1f} s shorter."
    )
