"""Why a stack did not come up, made of the program's report."""

from __future__ import annotations

from typing import Any

import pytest

from ci.container_scripts.stack.readiness import Container, Wanted, problems
from ci.stack import failures
from ci.stack.model import Timeouts

TIMEOUTS = Timeouts(start=77)
OUTPUT = "".join(f"line {number}\n" for number in range(20))


def problem(dependents: dict[str, str] | None = None, **state: Any) -> dict[str, Any]:  # noqa: ANN401 - of a container
    """Return what the program reports of `db`; `dependents` are those that wait for it, with a condition."""
    usual: dict[str, Any] = {"number": 1, "status": "running", "exit_code": 0, "error": "", "health": ""}
    usual |= {"probe": "", "restarts": 0, "created_at": 100.0, "began_at": 100.0, "started_at": 100.0}
    one = Container(service="db", **(usual | {"finished_at": 0.0} | state))
    services = {
        name: {"depends_on": {"db": {"condition": text}}} for name, text in (dependents or {}).items()
    }
    (found,) = problems([one], Wanted({"db": {}, **services}, 1.0, 77.0), 190.0)
    return found | {"lines": []}


def report(*found: dict[str, Any], failure: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"problems": list(found), "failure": failure}


def test_a_stack_that_came_up_has_no_error() -> None:
    assert failures.error(report(), TIMEOUTS) is None


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"status": "exited", "exit_code": 137, "finished_at": 102.5}, ["'db'", "stay up", "2.5 s", "137"]),
        ({"status": "dead", "exit_code": 3, "finished_at": 102.5}, ["'db'", "stay up", "2.5 s", "3"]),
        ({"status": "created", "error": "port is taken\n"}, ["'db'", "start", "90.0 s", "port is taken"]),
        ({"health": "unhealthy"}, ["'db'", "become healthy", "90.0 s", "healthcheck"]),
        ({"health": "starting"}, ["'db'", "become healthy", "90.0 s", "77 s", "--start-timeout"]),
        ({"health": "starting", "restarts": 4}, ["77 s", "5 times"]),
        ({"status": "restarting", "restarts": 4}, ["start", "77 s", "5 times"]),
    ],
)
def test_a_problem_names_the_service_what_it_missed_when_and_why(
    state: dict[str, Any], words: list[str]
) -> None:
    text = failures.text(problem(**state), TIMEOUTS)
    assert [word for word in words if word not in text] == []
    assert "\n" not in text
    assert "waited" not in text


@pytest.mark.parametrize(
    ("condition", "verb"),
    [
        ("service_started", "start"),
        ("service_healthy", "become healthy"),
        ("service_completed_successfully", "complete"),
    ],
)
def test_it_names_the_condition_and_who_waited_for_it(condition: str, verb: str) -> None:
    text = failures.text(problem({"web": condition, "api": "service_started"}, status="restarting"), TIMEOUTS)
    assert f"did not {verb} after" in text
    assert text.endswith("; api, web waited for it")


def test_the_one_that_failed_first_comes_first_with_its_last_lines() -> None:
    first = problem(status="exited", exit_code=1, finished_at=101.0) | {"lines": ["no disk", "bye"]}
    second = problem(health="unhealthy", probe="refused\nagain") | {"name": "web-2", "lines": []}
    error = failures.error(report(first, second), TIMEOUTS)
    assert error
    assert error.code == "stack.not-up"
    assert error.what == f"{failures.text(first, TIMEOUTS)}; {failures.text(second, TIMEOUTS)}"
    lines = error.details.splitlines()
    assert lines[0].startswith("--- db: ")
    assert lines[1:3] == ["no disk", "bye"]
    assert lines[3].startswith("--- web-2: ")
    assert lines[4:6] == ["refused", "again"]
    assert lines[6].startswith("--- web-2: ")
    assert lines[7:] == ["(no output)"]


def test_an_image_that_cannot_be_pulled_is_named_with_the_options_that_help() -> None:
    failure = {"what": "pull", "service": "db", "image": "registry.example/x:1", "output": OUTPUT}
    error = failures.error(report(failure=failure), TIMEOUTS)
    assert error
    assert "'db'" in error.what
    assert error.code == "stack.image-not-pulled"
    assert "registry.example/x:1" in error.what
    assert "--images" in error.hint
    assert "--docker-config" in error.hint
    assert error.details.splitlines() == [f"line {number}" for number in range(5, 20)]


@pytest.mark.parametrize(
    ("what", "code"), [("up", "stack.not-started"), ("suite", "stack.suite-not-started")]
)
def test_another_failure_has_the_last_lines_of_compose(what: str, code: str) -> None:
    error = failures.error(report(failure={"what": what, "output": OUTPUT}), TIMEOUTS)
    assert error
    assert error.code == code
    assert error.details.splitlines() == [f"line {number}" for number in range(5, 20)]


def test_a_service_is_named_before_what_compose_says() -> None:
    one = problem(status="exited", exit_code=1, finished_at=101.0)
    error = failures.error(report(one, failure={"what": "up", "output": OUTPUT}), TIMEOUTS)
    assert error
    assert error.what == failures.text(one, TIMEOUTS)
