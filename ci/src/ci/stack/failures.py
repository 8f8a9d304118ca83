"""Explain why a stack did not come up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.stack.model import Timeouts

__all__ = ["error", "text"]

_LAST_LINES = 15
_ENDED = ("exited", "dead")
_CONDITIONS = {
    "service_healthy": "become healthy",
    "service_completed_successfully": "complete",
    "": "start",
}


def error(report: Mapping[str, Any], timeouts: Timeouts) -> PipelineError | None:
    """Return the error in a report of `container_scripts/stack`; `None` if the stack came up."""
    problems = report["problems"]
    if problems:
        return PipelineError(
            "stack.not-up",
            "; ".join(text(problem, timeouts) for problem in problems),
            details="\n".join(part for problem in problems for part in _details(problem)),
            hint="fix the service that is named first; services that waited for it were not started",
        )
    failure = report["failure"]
    if failure is None:
        return None
    output = "\n".join(failure["output"].strip().splitlines()[-_LAST_LINES:])
    if failure["what"] == "pull":
        return PipelineError(
            "stack.image-not-pulled",
            f"service '{failure['service']}': its image {failure['image']} cannot be pulled",
            details=output,
            hint="correct `image:`, map it with --images, or pass credentials with --docker-config",
        )
    if failure["what"] == "suite":
        return PipelineError(
            "stack.suite-not-started",
            "the integration suite did not start",
            details=output,
            hint="see Compose's output above",
        )
    last = output.rpartition("\n")[2].strip()
    return PipelineError(
        "stack.not-started",
        f"Docker Compose did not start the stack: {last}",
        details=output,
        hint="correct what Compose names",
    )


def text(problem: Mapping[str, Any], timeouts: Timeouts) -> str:
    """Describe a failure in one line: the service, its condition, when, why, and which services waited."""
    verb = _CONDITIONS[problem["condition"]]
    if not problem["condition"] and problem["health"]:
        verb = "become healthy"
    elif not problem["condition"] and problem["status"] in _ENDED and not problem["error"]:
        verb = "stay up"
    what = f"service '{problem['name']}' did not {verb} after {problem['after']:.1f} s"
    line = f"{what}: {_why(problem, timeouts)}"
    return f"{line}; {', '.join(problem['waiting'])} waited for it" if problem["waiting"] else line


def _why(problem: Mapping[str, Any], timeouts: Timeouts) -> str:
    if problem["error"]:
        return f"Docker says: {problem['error'].strip()}"
    if problem["status"] in _ENDED:
        return f"it ended with exit code {problem['exit_code']}"
    restarts = f", it was started {problem['restarts'] + 1} times" if problem["restarts"] else ""
    if problem["state"] == "late":
        return f"not within the {timeouts.start:g} s of --start-timeout{restarts}"
    return f"its healthcheck failed to the end of its retries{restarts}"


def _details(problem: Mapping[str, Any]) -> list[str]:
    parts = []
    if problem["probe"]:
        parts.append(f"--- {problem['name']}: output of the last healthcheck\n{problem['probe']}")
    return [
        *parts,
        "\n".join([f"--- {problem['name']}: end of its log", *(problem["lines"] or ["(no output)"])]),
    ]
