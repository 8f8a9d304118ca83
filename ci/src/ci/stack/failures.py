"""Which service kept the stack from coming up, and the text that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dagger

    from ci.stack.plan import Plan

__all__ = ["Problem", "explain", "find", "met"]

LAST_LINES = 15
_VERBS = {"started": "start", "settled": "stay up", "healthy": "become healthy", "completed": "complete"}


@dataclass(frozen=True)
class Problem:
    """One first cause: the service, and what is said of it."""

    service: str
    text: str
    probe: str = ""


def met(condition: str, outcome: dict[str, Any]) -> bool:
    """Say whether an outcome of the init's `await` fulfils the condition."""
    if outcome.get("not_started") or outcome["late"]:
        return False
    if condition == "completed":
        return bool(outcome["ended"] and outcome["exit_code"] == 0 and not outcome["error"])
    if condition == "healthy":
        return bool(outcome["health"] == "healthy" and not outcome["ended"] and not outcome["error"])
    # An exit at once is no start; one with 0 is a job that was quick.
    return not (outcome["error"] or (outcome["ended"] and outcome["exit_code"]))


def find(plan: Plan, outcomes: dict[tuple[str, str], dict[str, Any]]) -> list[Problem]:
    """Return the first causes; what only was not started because of them is not one."""
    problems: dict[str, Problem] = {}
    for (service, condition), outcome in sorted(outcomes.items()):
        if met(condition, outcome) or outcome.get("not_started"):
            continue
        waiting = [
            planned.name
            for planned in plan.containers.values()
            if any(wait.service == service and wait.condition == condition for wait in planned.waits)
        ]
        if waiting and not any(
            wait.required and wait.service == service and wait.condition == condition
            for planned in plan.containers.values()
            for wait in planned.waits
        ):
            continue  # nobody requires it
        after = f" after {outcome['waited']:.1f} s" if "waited" in outcome else ""
        text = f"service '{service}' did not {_VERBS[condition]}{after}: {_how(outcome, plan)}"
        if waiting:
            text += f"; {', '.join(waiting)} waited for it"
        if waiting or service not in problems:  # one cause a service, told with who waited
            problems[service] = Problem(service, text, outcome["probe"])
    return list(problems.values())


def _how(outcome: dict[str, Any], plan: Plan) -> str:
    if outcome["error"]:
        return str(outcome["error"]) + (f" (exit code {outcome['exit_code']})" if outcome["ended"] else "")
    if outcome["ended"]:
        return f"it ended with exit code {outcome['exit_code']}"
    if outcome["late"]:
        limit = f"the {plan.timeouts.start:g} s of --start-timeout"
        return f"not within {limit}" if outcome["starts"] else f"its container was not up within {limit}"
    return "its healthcheck failed to the end of its retries"


async def explain(problems: list[Problem], logs: dagger.Directory) -> str:
    """Return the last probe's output and the last log lines of each service that failed."""
    parts = []
    for problem in problems:
        lines = (await logs.file(f"{problem.service}.log").contents()).splitlines()[-LAST_LINES:]
        if problem.probe.strip():
            parts.append(f"--- {problem.service}: the last healthcheck said\n{problem.probe.strip()}")
        parts.append("\n".join((f"--- {problem.service}: its last lines", *(lines or ["(no output)"]))))
    return "\n".join(parts)
