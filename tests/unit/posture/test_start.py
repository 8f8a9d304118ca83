"""How an image ran by itself: what is asked of Compose, and what its report means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from ci.posture import start
from ci.posture.facts import Started
from ci.stack.model import Images, Model, make
from ci.stack.run import Outcome
from tests.unit.project.reading import project

if TYPE_CHECKING:
    from pathlib import Path

    import dagger

MODEL = Model("shop", "/project", {"services": {"web": {}}}, (), (), (), ())
ENDED = {"exit_code": 0, "error": "", "status": "exited", "killed": False}
GRACE = 7.0


def started(*, beside: bool = False, **report: Any) -> Started:  # noqa: ANN401 - of the program's report
    """Return what a run means in which all was well, but for these parts of its report."""
    usual = {"at": 1.0, "problems": [], "failure": None, "up_after": {"web": 0.5}, "down_after": 1.0}
    written = usual | {"states": {"web": "up"}, "ended": {"web": ENDED}} | report
    outcome = Outcome(MODEL, written, cast("dagger.Directory", None), 2.0)
    return start.started(outcome, "web", GRACE, beside=beside)


def test_a_service_that_ran_and_stopped_has_no_problem() -> None:
    assert started() == Started(problem="", exit_code=0, killed=False, grace=GRACE)


@pytest.mark.parametrize(("exit_code", "killed"), [(1, False), (143, False), (137, True), (0, True)])
def test_its_exit_code_and_whether_it_was_killed_are_passed_on(exit_code: int, *, killed: bool) -> None:
    found = started(ended={"web": ENDED | {"exit_code": exit_code, "killed": killed}})
    assert found == Started("", exit_code, killed, GRACE)


@pytest.mark.parametrize(
    "report",
    [
        {"ended": {}},
        {"states": {}},
        {"ended": {}, "states": {}},
        {"ended": {"other": ENDED}},
        {"states": {"other": "up"}},
        *({"ended": {"web": ENDED | {"status": status}}} for status in ("running", "created", "dead")),
    ],
)
def test_what_was_not_recorded_is_a_problem(report: dict[str, Any]) -> None:
    assert started(**report).problem


@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_service_that_ended_by_itself_has_a_problem(exit_code: int) -> None:
    found = started(states={"web": "done"}, ended={"web": ENDED | {"exit_code": exit_code}})
    assert str(exit_code) in found.problem


def test_a_service_that_did_not_come_up_has_the_error_and_its_output() -> None:
    found = started(failure={"what": "up", "output": "no such file: /x\n"}, states={})
    assert "no such file: /x" in found.problem


SHOP = """
name: shop
services:
  web:
    build: {context: web}
    command: run
    environment: {PASSWORD: "${PASSWORD}"}
    user: "1000"
    tmpfs: [/tmp]
    cap_drop: [ALL]
    volumes: ["data:/data", "./site:/srv:ro"]
    secrets: [key]
    stop_grace_period: 3s
    depends_on: [db]
    healthcheck: {test: "false"}
    restart: always
    networks: [inner]
    ports: ["8080:80"]
    read_only: false
    deploy: {replicas: 3}
  db: {image: "postgres:18"}
volumes: {data: {}}
networks: {inner: {internal: true}}
secrets: {key: {file: ./key.pem}}
"""


def test_it_is_started_alone_and_read_only_with_what_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(SHOP)
    found = start.isolated(project(tmp_path, values="PASSWORD=secret\n"), "web")
    assert set(found.services) == {"web"}
    assert found.services["web"].depends_on == {}
    made = make(found, ["web"], Images({"web": "shop-web:latest"}, {}), {})
    (web,) = made.written.values()
    assert (web["read_only"], web["restart"]) == (True, "no")
    assert web["environment"] == {"PASSWORD": "${PASSWORD}"}
    assert (web["image"], web["user"], web["stop_grace_period"]) == ("shop-web:latest", "1000", "3s")
    assert set(web) & {"depends_on", "healthcheck", "ports", "deploy", "build"} == set()
    assert web["networks"] == {"default": None}
    assert made.paths == ("key.pem", "site")


def test_it_is_started_after_what_it_depends_on_with_its_healthcheck(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(SHOP)
    found = start.with_needed(project(tmp_path, values="PASSWORD=secret\n"), "web")
    made = make(found, ["web", "db"], Images({"web": "shop-web:latest"}, {}), {})
    web = made.written["web"]
    assert (web["read_only"], web["restart"]) == (True, "no")
    assert set(web["depends_on"]) == {"db"}
    assert set(web["networks"]) == {"inner"}
    assert web["healthcheck"]
    assert set(web) & {"ports", "deploy", "build"} == set()
    assert made.written["db"]["image"] == "postgres:18"


@pytest.mark.parametrize(("exit_code", "problem"), [(0, ""), (1, "ended by itself with exit code 1")])
def test_a_job_is_well_if_it_ends_with_0_beside_what_it_depends_on(exit_code: int, problem: str) -> None:
    ended: dict[str, Any] = {"states": {"web": "done"}, "ended": {"web": ENDED | {"exit_code": exit_code}}}
    assert started(beside=True, **ended).problem == problem
    assert started(**ended).problem


def test_it_keeps_an_env_file_that_is_read_in_the_sandbox_and_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "web.env").write_text("NAME=${NAME:-unnamed}\n")
    service = "{image: w, tty: true, stdin_open: true, hostname: h, env_file: web.env}"
    (tmp_path / "compose.yaml").write_text(f"services: {{web: {service}}}")
    found = start.isolated(project(tmp_path, values="NAME=\n"), "web")
    made = make(found, ["web"], Images({}, {}), {})
    (web,) = made.written.values()
    assert (web["tty"], web["stdin_open"], web["hostname"]) == (True, True, "h")
    assert made.paths == ("web.env",)


def test_the_project_stays(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(SHOP)
    before = project(tmp_path)
    start.isolated(before, "web")
    assert set(before.services) == {"web", "db"}
    assert "restart" in before.model["services"]["web"]
