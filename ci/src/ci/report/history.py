"""What earlier runs were like: the sizes of images over time, and tests that fail only now and then.

Each report adds its run to the history of the report it is compared with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ci.errors import PipelineError
from ci.report.model import Entry, Flaky, History, SuiteRun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.report.documents import Summary
    from ci.report.model import Case

__all__ = ["NAME", "added", "entry", "flaky", "read", "write"]

NAME = "history.json"
_MOST = 30  # runs
_MOST_FAILED = 200  # of a suite: with more of them, it is not single tests that fail


def read(content: bytes) -> History:
    """Read the history.json of an earlier run; one of another schema is not continued."""
    try:
        found = msgspec.json.decode(content, type=History)
    except msgspec.DecodeError as error:
        raise PipelineError(
            "report.history-invalid",
            f"--base: {NAME} is not from a report: {error}",
            hint=f"pass the folder of an earlier run as it is, or one without {NAME}",
        ) from error
    return found if found.schema == History().schema else History()


def write(history: History) -> str:
    """Format history.json."""
    return msgspec.json.format(msgspec.json.encode(history), indent=1).decode() + "\n"


def entry(summary: Summary, suites: Mapping[str, tuple[str, bool]], cases: Sequence[Case]) -> Entry:
    """Return a run as an entry; `suites` has the digest of a suite's inputs, and whether it passed."""
    failed: dict[str, list[str]] = {}
    for case in cases:
        if case.status == "failed":
            failed.setdefault(case.suite, []).append(_name(case))
    return Entry(
        summary.began,
        {name: image.size for name, image in summary.images.items()},
        {
            name: SuiteRun(inputs, passed, tuple(failed.get(name, ())[:_MOST_FAILED]))
            for name, (inputs, passed) in suites.items()
            if inputs
        },
    )


def added(earlier: History, now: Entry) -> History:
    """Return a history with one more run, without the oldest ones if there are too many."""
    return History(runs=(*earlier.runs, now)[-_MOST:])


def flaky(history: History, cases: Sequence[Case]) -> list[Flaky]:
    """Return tests of the last run that failed in one run and passed in another, both with the same inputs.

    Of earlier runs only failures are known, so a test passed there if its whole suite did.
    """
    *before, now = history.runs or (Entry("", {}),)
    found = []
    for case in cases:
        suite, name = now.suites.get(case.suite), _name(case)
        if case.unstable:
            found.append(Flaky(case.suite, name, now.began, now.began))
            continue
        if suite is None or case.status == "skipped":
            continue
        same = [
            (each.began, run)
            for each in reversed(before)
            if (run := each.suites.get(case.suite)) and run.inputs == suite.inputs
        ]
        if case.status == "passed" and (when := [began for began, run in same if name in run.failed]):
            found.append(Flaky(case.suite, name, when[0], now.began))
        elif case.status == "failed" and (when := [began for began, run in same if run.passed]):
            found.append(Flaky(case.suite, name, now.began, when[0]))
    return found


def _name(case: Case) -> str:
    return f"{case.where}.{case.name}" if case.where else case.name
