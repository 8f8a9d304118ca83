"""When a container is up, when it has failed, and what that means for the stack."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.container_scripts.stack.readiness import Container, Wanted, problems, read, verdict

SETTLE, PATIENCE = 1.0, 100.0
START = 1000.0
HEALTHY = {"condition": "service_healthy"}
COMPLETED = {"condition": "service_completed_successfully"}
STARTED = {"condition": "service_started"}
OPTIONAL = {"required": False}


def container(service: str = "db", **state: Any) -> Container:  # noqa: ANN401 - fields of a container
    """Return one that started at START and runs, unless `state` says otherwise."""
    usual: dict[str, Any] = {"number": 1, "status": "running", "exit_code": 0, "error": "", "health": ""}
    usual |= {"probe": "", "restarts": 0, "created_at": START - 5, "began_at": START, "started_at": START}
    return Container(service=service, **(usual | {"finished_at": 0.0} | state))


def unstarted(service: str = "db", **state: Any) -> Container:  # noqa: ANN401 - as above
    return container(service, **{"status": "created", "began_at": 0.0, "started_at": 0.0, **state})


def ended(service: str = "db", after: float = 2.0, **state: Any) -> Container:  # noqa: ANN401 - as above
    return container(service, **{"status": "exited", "finished_at": START + after, **state})


def wanted(**edges: dict[str, Any]) -> Wanted:
    """Return what is waited for, where each named service depends on `db`."""
    services = {name: {"depends_on": {"db": edge}} for name, edge in edges.items()}
    return Wanted({"db": {}, **services}, SETTLE, PATIENCE)


def found(one: Container, after: float, **edges: dict[str, Any]) -> str:
    return verdict(one, wanted(**edges), START + after)


@pytest.mark.parametrize(
    ("health", "after", "state"),
    [
        ("", 0.0, "waiting"),
        ("", SETTLE - 0.01, "waiting"),
        ("", SETTLE, "up"),
        ("", PATIENCE * 9, "up"),
        ("starting", SETTLE, "waiting"),
        ("starting", PATIENCE, "waiting"),
        ("starting", PATIENCE + 0.01, "late"),
        ("healthy", 0.0, "up"),
        ("healthy", PATIENCE * 9, "up"),
        ("unhealthy", 0.0, "failed"),
        ("unhealthy", PATIENCE * 9, "failed"),
    ],
)
@pytest.mark.parametrize("edge", [None, STARTED, HEALTHY])
def test_what_runs_is_up_by_its_healthcheck_or_when_it_stayed(
    health: str, after: float, state: str, edge: dict[str, Any] | None
) -> None:
    edges = {"web": edge} if edge else {}
    assert found(container(health=health), after, **edges) == state


@pytest.mark.parametrize("health", ["", "starting", "healthy", "unhealthy"])
@pytest.mark.parametrize("edges", [{"web": COMPLETED}, {"web": HEALTHY, "job": COMPLETED}])
def test_what_has_to_complete_is_waited_for_while_it_runs(health: str, edges: dict[str, Any]) -> None:
    one = container(health=health)
    assert found(one, PATIENCE, **edges) == "waiting"
    assert found(one, PATIENCE + 0.01, **edges) == "late"


@pytest.mark.parametrize("health", ["", "starting", "healthy", "unhealthy"])
@pytest.mark.parametrize("edge", [None, STARTED, HEALTHY, COMPLETED])
def test_a_job_that_ended_with_0_is_done(health: str, edge: dict[str, Any] | None) -> None:
    """The healthcheck of its image says nothing of it any more."""
    edges = {"web": edge} if edge else {}
    assert found(ended(health=health), PATIENCE * 9, **edges) == "done"


@pytest.mark.parametrize("status", ["exited", "dead"])
@pytest.mark.parametrize("state", [{"exit_code": 1}, {"exit_code": 137}, {"error": "no such file"}])
@pytest.mark.parametrize("edge", [None, HEALTHY, COMPLETED, STARTED | OPTIONAL])
def test_one_that_ended_otherwise_failed(
    status: str, state: dict[str, Any], edge: dict[str, Any] | None
) -> None:
    edges = {"web": edge} if edge else {}
    assert found(ended(status=status, **state), 0.0, **edges) == "failed"


def test_one_that_was_not_started_waits_for_others_as_long_as_they_take() -> None:
    assert found(unstarted(), PATIENCE * 9) == "waiting"


def test_one_that_docker_cannot_start_failed() -> None:
    assert found(unstarted(error="port is already allocated", exit_code=128), 0.0) == "failed"


@pytest.mark.parametrize("status", ["paused", "restarting", "removing"])
def test_another_status_is_waited_for(status: str) -> None:
    assert found(container(status=status), PATIENCE) == "waiting"
    assert found(container(status=status), PATIENCE + 0.01) == "late"


@pytest.mark.parametrize("status", ["running", "restarting"])
@pytest.mark.parametrize("exit_code", [0, 1])
def test_one_that_is_started_again_and_again_is_late_at_last(status: str, exit_code: int) -> None:
    """Its last start is always a moment ago."""
    now = PATIENCE + 0.01
    again: dict[str, Any] = {"exit_code": exit_code, "restarts": 9, "started_at": START + now - SETTLE / 2}
    assert found(container(status=status, **again), now) == "late"
    assert found(container(status=status, **again | {"began_at": START + now - PATIENCE}), now) == "waiting"


def test_one_that_was_started_again_and_stays_is_up() -> None:
    again = container(restarts=3, started_at=START + 50)
    assert found(again, 50 + SETTLE / 2) == "waiting"
    assert found(again, 50 + SETTLE) == "up"


@given(
    status=st.sampled_from(
        ["created", "running", "paused", "restarting", "removing", "exited", "dead", "unknown"]
    ),
    exit_code=st.integers(0, 255),
    error=st.sampled_from(["", "error"]),
    health=st.sampled_from(["", "starting", "healthy", "unhealthy"]),
    after=st.floats(0, 1e6),
    edges=st.dictionaries(
        st.sampled_from("abc"), st.sampled_from([STARTED, HEALTHY, COMPLETED, COMPLETED | OPTIONAL])
    ),
)
def test_a_verdict_only_changes_from_waiting(  # noqa: PLR0913, PLR0917 - drawn each by itself
    status: str, exit_code: int, error: str, health: str, after: float, edges: dict[str, Any]
) -> None:
    """Time alone makes `waiting` one of `up` and `late`; the rest stays."""
    one = container(status=status, exit_code=exit_code, error=error, health=health)
    first, last = found(one, after, **edges), found(one, after + 1e7, **edges)
    assert first in ("up", "done", "waiting", "failed", "late")
    assert last == first or (first == "waiting" and last in ("up", "late"))
    if last == "waiting":
        pytest.fail("it is waited for without an end")


def named(*containers: Container, after: float = 10.0, **edges: dict[str, Any]) -> list[str]:
    return [each["name"] for each in problems(containers, wanted(**edges), START + after)]


def test_a_stack_whose_containers_are_up_or_waited_for_has_no_problems() -> None:
    everything = [container(), ended("job"), container("web", health="starting"), unstarted("late")]
    assert named(*everything) == []


def test_the_one_that_failed_first_is_the_first() -> None:
    late = container("slow", health="starting", began_at=START - PATIENCE)
    one, other = ended("one", after=5, exit_code=1), ended("other", after=4, exit_code=1)
    assert named(late, one, other) == ["other", "one", "slow"]


@pytest.mark.parametrize(
    ("edges", "red"),
    [
        ({}, True),
        ({"web": HEALTHY}, True),
        ({"web": HEALTHY | OPTIONAL}, False),
        ({"web": HEALTHY | OPTIONAL, "job": STARTED | OPTIONAL}, False),
        ({"web": HEALTHY | OPTIONAL, "job": STARTED}, True),
    ],
)
@pytest.mark.parametrize("one", [ended(exit_code=1), container(health="starting", began_at=1.0)])
def test_a_service_that_all_others_can_do_without_is_no_problem(
    edges: dict[str, Any], one: Container, *, red: bool
) -> None:
    assert named(one, **edges) == (["db"] if red else [])
    assert wanted(**edges).required("db") == red


@pytest.mark.parametrize(
    ("edges", "condition"),
    [
        ({}, ""),
        ({"web": STARTED}, ""),
        ({"web": STARTED, "job": HEALTHY}, "service_healthy"),
        ({"web": HEALTHY, "job": COMPLETED}, "service_completed_successfully"),
    ],
)
def test_a_problem_has_the_strictest_condition_and_who_waits(edges: dict[str, Any], condition: str) -> None:
    (problem,) = problems([ended(exit_code=3)], wanted(**edges), START + 10)
    assert problem["condition"] == condition
    assert problem["waiting"] == sorted(edges)
    assert (problem["state"], problem["exit_code"]) == ("failed", 3)


def test_a_problem_has_the_seconds_from_the_creation_to_its_end_or_to_now() -> None:
    def after(one: Container) -> float:
        (problem,) = problems([one], wanted(), START + 200)
        return float(problem["after"])

    assert after(ended(after=2.5, exit_code=1)) == 7.5
    assert after(container(health="unhealthy")) == 205.0
    assert after(unstarted(error="no")) == 205.0


def test_containers_after_the_first_have_a_number() -> None:
    assert named(ended(exit_code=1), ended(number=2, exit_code=1)) == ["db", "db-2"]


@pytest.mark.parametrize("condition", [None, {}, {"other": HEALTHY}])
def test_a_service_that_nobody_waits_for_is_required(condition: dict[str, Any] | None) -> None:
    some = Wanted({"db": {}, "web": {"depends_on": condition}}, SETTLE, PATIENCE)
    assert some.required("db")
    assert some.waiting_for("db") == {}


def inspected(labels: dict[str, str] | None = None, **state: Any) -> dict[str, Any]:  # noqa: ANN401 - of the engine
    """Return what Docker prints of a container, without what is not read."""
    usual = {"Status": "running", "ExitCode": 0, "Error": "", "StartedAt": "2024-02-03T04:05:07.25Z"}
    names = {"com.docker.compose.service": "db", "com.docker.compose.container-number": "1"}
    return {
        "Created": "2024-02-03T04:05:06.123456789Z",
        "State": usual | {"FinishedAt": "0001-01-01T00:00:00Z"} | state,
        "RestartCount": 0,
        "Config": {"Labels": names | (labels or {})},
    }


MOMENT = 1706933106.0  # 2024-02-03 04:05:06 UTC


def test_a_container_is_read() -> None:
    one = read(inspected())
    assert one == Container(
        *("db", 1, "running", 0, "", "", "", 0, one.created_at, MOMENT + 1.25, MOMENT + 1.25, 0.0)
    )
    assert one.created_at == pytest.approx(MOMENT + 0.123456789, abs=1e-6)
    assert (one.began_at, one.name) == (one.started_at, "db")


def test_the_first_start_is_given() -> None:
    one = read(inspected(), MOMENT)
    assert (one.began_at, one.started_at) == (MOMENT, MOMENT + 1.25)


def test_one_that_was_not_started_has_no_start() -> None:
    one = read(inspected(Status="created", StartedAt="0001-01-01T00:00:00Z"))
    assert (one.began_at, one.started_at) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("health", "status", "probe"),
    [
        (None, "", ""),
        ({"Status": "none", "Log": []}, "", ""),
        ({"Status": "starting", "Log": None}, "starting", ""),
        ({"Status": "unhealthy", "Log": [{"Output": "one\n"}, {"Output": "two\n"}]}, "unhealthy", "two"),
    ],
)
def test_its_health_and_last_probe_are_read(health: dict[str, Any] | None, status: str, probe: str) -> None:
    one = read(inspected(Health=health))
    assert (one.health, one.probe) == (status, probe)


def test_its_end_and_restarts_are_read() -> None:
    data = inspected(
        {"com.docker.compose.container-number": "3"},
        Status="exited",
        ExitCode=137,
        Error="e",
        FinishedAt="2024-02-03T04:06:06Z",
    )
    one = read({**data, "RestartCount": 4})
    assert (one.status, one.exit_code, one.error) == ("exited", 137, "e")
    assert (one.finished_at, one.restarts, one.name) == (MOMENT + 60, 4, "db-3")
