"""Run the integration tests: the stack, the suite in it, and the report on both."""

from __future__ import annotations

import json
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any

from ci import table
from ci.errors import PipelineError
from ci.evidence import claims
from ci.evidence.claims import Claim
from ci.evidence.evidence import Passed
from ci.stack import failures
from ci.stack.run import Outcome
from ci.testing import results

if TYPE_CHECKING:
    import dagger

    from ci.evidence.evidence import Evidence, Known
    from ci.stack.run import Stack
    from ci.testing.suite import Suite

__all__ = ["Tested", "error", "outcome", "report", "run", "text"]


@dataclass(frozen=True)
class Tested:
    """A run; `result` is `None` if the stack did not come up."""

    outcome: Outcome
    result: results.Result | None


async def run(evidence: Evidence, stack: Stack, suite: Suite, *, rerun: bool) -> Tested:
    """Run the suite in the stack, or reuse a passing result with the same inputs."""

    async def describe() -> Claim | None:
        given = None if rerun else await stack.given(suite)
        digests = {name: image.digest for name, (_, image) in stack.images.items()}
        return Claim(claims.INTEGRATION, suite.title, digests, given) if given else None

    async def made() -> tuple[Tested, Passed | None]:
        tested = await _run(stack, suite, rerun=rerun)
        if tested.outcome.error or tested.result is None or tested.result.failure:
            return tested, None
        details = {"tests": tested.result.tests, "skipped": tested.result.skipped}
        return tested, Passed(
            tested.outcome.output, tested.result.seconds, tested.outcome.report["at"], details
        )

    async def read(known: Known) -> Tested:
        report = json.loads(await known.output.file("report.json").contents())
        outcome = Outcome(stack.model, report, known.output, time())
        return Tested(outcome, await suite.judge(outcome))

    return await evidence.reuse(describe, read, made)


async def _run(stack: Stack, suite: Suite, *, rerun: bool) -> Tested:

    async def failed(outcome: Outcome) -> bool:
        return bool(outcome.error or (await suite.judge(outcome)).failure)

    outcome = await stack.run(suite, failed=failed, rerun=rerun)
    return Tested(outcome, None if outcome.error else await suite.judge(outcome))


def error(tested: Tested) -> PipelineError | None:
    """Return the error of a stack that did not come up, or of a failed suite with its output."""
    if tested.outcome.error or not tested.result:
        return tested.outcome.error
    if not tested.result.failure:
        return None
    return PipelineError(
        "test.integration-failed",
        f"integration: {tested.result.failure}",
        details=tested.result.output,
        hint="fix the tests, or see every service's log: report --only test-integration export --path report",
    )


def outcome(tested: Tested) -> str:
    """Describe the outcome of a run in a few words."""
    return "the stack did not come up" if tested.result is None else tested.result.failure or "passed"


def text(tested: Tested) -> str:
    """Return the suite's table, the time when each service was up, and services left out of the stack."""
    up_after = tested.outcome.times["up_after"]
    lines = [table.text(results.HEADER, results.rows([tested.result] if tested.result else [])), ""]
    lines += [table.text(["service", "up after"], [[n, f"{s:.1f} s"] for n, s in up_after.items()])]
    lines += tested.outcome.model.notes
    return "\n".join(lines)


async def report(tested: Tested, inputs: str) -> dagger.Directory:
    """Return all files of a run: JUnit, table, logs, and the reason if the stack is not up.

    `inputs` is the digest of what was tested, and of the tests.
    """
    ran, result = tested.outcome, tested.result
    suite = "suite" in [name.rstrip("/") for name in await ran.output.entries()]
    directory = ran.output.directory("suite") if suite else ran.output.filter(include=[])
    directory = directory.with_directory("logs", await ran.logs())
    summary: dict[str, Any]
    if result is None:
        directory = directory.with_new_file("error.txt", f"{ran.error}\n")
        summary = {"outcome": outcome(tested), "tests": 0, "failed": 0}
    else:
        written = table.text(results.HEADER, [result.row]) + "\n"
        directory = directory.with_new_file("table.txt", written)
        summary = {"outcome": outcome(tested), "tests": result.tests, "failed": result.failed}
    problems = ran.report["problems"]
    summary["not_ready"] = {each["name"]: failures.text(each, ran.model.timeouts) for each in problems}
    summary |= {**ran.times, "at": ran.report["at"], "cached": ran.kept, "ended": ran.report["ended"]}
    summary["inputs"] = inputs
    return directory.with_new_file("summary.json", json.dumps(summary, indent=1) + "\n")
