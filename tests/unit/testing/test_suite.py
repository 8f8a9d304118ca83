"""The suite as a service beside the stack, read by Compose with the stack's model."""

from __future__ import annotations

import json
import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from ci import tools
from ci.container_scripts.compose_command import undoubled
from ci.project.policy import Policy
from ci.references import ImagesMap
from ci.stack.model import Images, Model, make
from ci.testing.suite import Suite, no_files
from tests.unit.project.reading import binary, project

if TYPE_CHECKING:
    from pathlib import Path

    from ci.workspace import Workspace

POLICY = Policy(integration_timeout=61, disruption_timeout=62)
STACK = """
name: shop
services:
  web: {image: "web:1", networks: [default, edge, inner]}
  db: {image: "db:1", networks: {inner: {aliases: [database]}}}
  other: {image: "other:1", networks: [others]}
networks:
  inner: {internal: true}
  edge: {external: true, name: of-all}
  others: {external: true}
"""


def workspace(images: dict[str, str | None] | None = None) -> Workspace:
    return cast("Workspace", SimpleNamespace(images=ImagesMap(images or {})))


def suite(*cases: str, isolated: str = "", variables: tuple[str, ...] = ()) -> Suite:
    return Suite(workspace(), POLICY, cases, isolated, variables)


@pytest.fixture
def stack(tmp_path: Path) -> Model:
    (tmp_path / "compose.yaml").write_text(STACK)
    return make(project(tmp_path), ["web", "db"], Images({}, {}), {})


def merged(stack: Model, one: Suite, folder: Path, *words: str) -> dict[str, Any]:
    """Return the services that Compose reads of both models."""
    for name, text in {"model.json": stack.text, "suite.json": one.model(stack, workspace())}.items():
        (folder / name).write_text(text)
    (folder / "variables.env").write_text("KEY='a$b'\nOTHER=1\n")
    command = [binary(), "--env-file", "variables.env", "-f", "model.json", "-f", "suite.json", *words]
    quiet = subprocess.run(
        [*command, "config", "-q"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (quiet.returncode, quiet.stderr) == (0, "")
    printed = subprocess.run(
        [*command, "config", "--format", "json"], cwd=folder, capture_output=True, text=True, check=True
    )
    services: dict[str, Any] = undoubled(json.loads(printed.stdout))["services"]
    return services


def of(stack: Model, one: Suite, folder: Path) -> dict[str, Any]:
    service: dict[str, Any] = merged(stack, one, folder, "--profile", Suite.NAME)[Suite.NAME]
    return service


def test_it_is_beside_the_stack_and_not_of_it(stack: Model, tmp_path: Path) -> None:
    assert set(merged(stack, suite(), tmp_path)) == {"web", "db"}
    both = merged(stack, suite(), tmp_path, "--profile", Suite.NAME)
    assert set(both) == {"web", "db", Suite.NAME}


def test_it_is_in_the_networks_that_services_of_the_stack_are_in(stack: Model, tmp_path: Path) -> None:
    """One that only others use is not there: nobody creates it."""
    assert set(of(stack, suite(), tmp_path)["networks"]) == {"default", "edge", "inner"}


def test_it_runs_in_the_image_with_python_of_the_images_map(stack: Model) -> None:
    def image(images: dict[str, str | None]) -> str:
        return str(json.loads(suite().model(stack, workspace(images)))["services"][Suite.NAME]["image"])

    assert image({}) == tools.PYTHON
    assert image({tools.PYTHON: "127.0.0.1:5000/python:1"}) == "127.0.0.1:5000/python:1"


def test_all_files_but_those_for_a_stack_of_their_own_run_within_the_time(
    stack: Model, tmp_path: Path
) -> None:
    command = of(stack, suite(), tmp_path)["command"]
    assert command[:5] == ["python3", "/ci/run_tests.py", "61", "/ci/output", "--"]
    assert command[-2:] == ["--junitxml=/ci/output/junit.xml", "/ci/tests"]
    assert "--junitxml=/ci/output/junit.xml" in command


def test_a_file_alone_has_its_own_time_and_no_cases(stack: Model, tmp_path: Path) -> None:
    command = of(stack, suite("down", isolated="test_db_down.py"), tmp_path)["command"]
    assert command[2] == "62"
    assert command[-1] == "/ci/tests/disruption/test_db_down.py"
    assert "-k" not in command


@pytest.mark.parametrize("case", ["upload", "a and not b", "$5", "${HOME}", "$$", "é"])
def test_cases_reach_pytest_as_they_were_given(case: str, stack: Model, tmp_path: Path) -> None:
    assert of(stack, suite(case), tmp_path)["command"][-2:] == ["-k", case]
    assert of(stack, suite(case, "x"), tmp_path)["command"][-2:] == ["-k", f"{case} or x"]


def test_variables_reach_it_by_name(stack: Model, tmp_path: Path) -> None:
    one = suite(variables=("KEY", "OTHER"))
    assert "a$b" not in one.model(stack, workspace())
    environment = of(stack, one, tmp_path)["environment"]
    assert (environment["KEY"], environment["OTHER"]) == ("a$b", "1")


def test_it_reads_what_it_is_given_and_writes_to_one_folder(stack: Model, tmp_path: Path) -> None:
    mounts = of(stack, suite(), tmp_path)["volumes"]
    assert {(each["source"], each.get("read_only", False)) for each in mounts} == {
        ("/suite/tests", True),
        ("/suite/dependencies", True),
        ("/suite/run_tests.py", True),
        ("/output/suite", False),
    }
    assert all(each["type"] == "bind" for each in mounts)


def test_only_a_file_alone_finds_docker_and_the_project(stack: Model, tmp_path: Path) -> None:
    isolated = of(stack, suite(isolated="test_x.py"), tmp_path)
    socket = isolated["environment"]["DOCKER_HOST"].removeprefix("unix://")
    assert socket in {each["target"] for each in isolated["volumes"]}
    assert isolated["environment"]["COMPOSE_PROJECT_NAME"] == "shop"
    other = of(stack, suite(), tmp_path)
    assert {"DOCKER_HOST", "COMPOSE_PROJECT_NAME"} & set(other["environment"]) == set()
    assert socket not in {each["target"] for each in other["volumes"]}


def test_its_model_is_the_same_for_the_same_suite(stack: Model) -> None:
    assert suite("a", "b").model(stack, workspace()) == suite("a", "b").model(stack, workspace())
    assert suite("a").model(stack, workspace()) != suite("b").model(stack, workspace())


def test_a_folder_without_files_is_named_with_the_cases() -> None:
    assert "tests/x" in no_files("tests/x", []).what
    assert "one, two" in no_files("tests/x", ["one", "two"]).what
