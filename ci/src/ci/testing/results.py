"""Judge a test run from its outcome and its JUnit file."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - reports are read by the types of this class
from dataclasses import dataclass, replace
from typing import Any

from ci.testing import junit as junit_file

__all__ = [
    "Result",
    "as_of",
    "built_stage",
    "by_exit_code",
    "covered",
    "failed_stage",
    "read",
    "rows",
    "skipped",
    "untested",
]

# pytest -v prints a test's name before it runs and its outcome after it.
_PASSED = re.compile(r"^\S+::.* (?:PASSED|SKIPPED)(?: .*)?\[ *\d+%\]\n?", re.MULTILINE)
_FROM_HERE = "../tests/"  # pytest's path of the tests, relative to the output's folder
_RUNNING = re.compile(r"^(\S+::.+?) *$")

_RATE = re.compile(r'<coverage [^>]*line-rate="([\d.]+)"')

HEADER = ["service", "tests", "failed", "skipped", "seconds", "outcome"]


@dataclass(frozen=True)
class Result:
    """A test run: its counts, and why it failed (empty: it passed)."""

    name: str
    tests: int
    failed: int
    skipped: int
    seconds: float
    failure: str
    output: str
    cached: bool
    note: str = ""
    at: float = 0.0  # when it ran, in seconds since the epoch; 0 if no time was recorded
    reused: Mapping[str, str] | None = None  # the run and the time of evidence that it is known from
    inputs: str = ""  # the digest of image and tests; empty if the tests are not a folder of the source

    @property
    def row(self) -> list[str]:
        """The run as a row of the table."""
        passed = "passed (cached)" if self.cached else "passed"
        outcome = self.failure or self.note or passed
        return [
            self.name,
            str(self.tests),
            str(self.failed),
            str(self.skipped),
            f"{self.seconds:.1f}",
            outcome,
        ]


def read(name: str, outcome: dict[str, Any], junit: str, output: str, *, asked_at: float) -> Result:
    """Judge a run. It fails with a failed test, without any test, on a signal, a timeout or a missing report.

    `output` is the output of `pytest -v`, which names a hanging test. Lines of passed tests are removed.
    """
    counts = junit_file.counts(junit, where=name) if junit else junit_file.Counts()
    return Result(
        name=name,
        tests=counts.tests,
        failed=counts.failed,
        skipped=counts.skipped,
        seconds=outcome["seconds"],
        failure=_failure(outcome, counts) + _hanging(outcome, output),
        output=_PASSED.sub("", output),
        cached=outcome["at"] < asked_at,
        at=outcome["at"],
    )


def by_exit_code(name: str, outcome: dict[str, Any], output: str, *, asked_at: float) -> Result:
    """Judge a command that wrote no JUnit: exit code 0 passes, and no test is counted."""
    failure = _failure(outcome, junit_file.Counts(tests=1))
    cached = outcome["at"] < asked_at
    note = "passed (exit code 0)" + (", unchanged" if cached else "")
    note = "" if failure else note
    return Result(name, 0, 0, 0, outcome["seconds"], failure, output, cached, note, outcome["at"])


def failed_stage(name: str, stage: str, output: str) -> Result:
    """Return the result of a stage that cannot be built, with the output of its step."""
    return Result(name, 0, 0, 0, 0.0, f"the stage {stage} failed", output, cached=False)


def built_stage(name: str, stage: str) -> Result:
    """Return the result of a stage whose build is the test."""
    return Result(name, 0, 0, 0, 0.0, "", "", cached=False, note=f"passed (stage {stage} was built)")


def covered(xml: str) -> str:
    """Return the line coverage in a coverage.xml; "" if there is none."""
    rate = _RATE.search(xml)
    return f"{float(rate[1]):.0%}" if rate else "-"


def as_of(result: Result, name: str) -> Result:
    """Return the result of a service for another one, whose run is the same."""
    if result.name == name:
        return result
    said = f"the same image and tests as {result.name}"
    note = "" if result.failure else f"passed ({said})"
    return replace(result, name=name, note=note, output=said if result.failure else result.output)


def untested(name: str) -> Result:
    """Return the row of a service that has no tests according to the policy."""
    return Result(name, 0, 0, 0, 0.0, "", "", cached=False, note="none (the setting services-without-tests)")


def skipped(name: str, platform: str) -> Result:
    """Return the row of an image for a platform that the engine does not run."""
    note = f"skipped (this engine does not run {platform})"
    return Result(name, 0, 0, 0, 0.0, "", "", cached=False, note=note)


def _failure(outcome: dict[str, Any], counts: junit_file.Counts) -> str:
    if outcome["late"]:
        return f"timed out after {outcome['seconds']:.0f} s"
    if outcome["signal"]:
        return f"ended by {outcome['signal']}"
    if counts.failed:
        return f"{counts.failed} failed"
    if outcome["exit_code"]:
        return f"exit code {outcome['exit_code']}"
    if counts.tests == counts.skipped:
        return "no test ran"
    return ""


def _hanging(outcome: dict[str, Any], output: str) -> str:
    """Name the test that was running when the run was stopped."""
    last = output.rstrip("\n").rpartition("\n")[2]
    running = _RUNNING.match(last) if outcome["late"] or outcome["signal"] else None
    return f", in {running[1].removeprefix(_FROM_HERE)}" if running else ""


def rows(results: list[Result]) -> list[list[str]]:
    """Return the rows of the table."""
    return [result.row for result in results]
