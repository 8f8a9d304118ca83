"""The Bake file beside the model; the model itself is in tests/pure/compose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.raised import raises
from tests.unit.project.reading import project, project_with_builds

if TYPE_CHECKING:
    from pathlib import Path

SERVICES = """
services:
  web:
    build:
      context: web
      args: {KEY: "${KEY:?}", NUMBER: "${NUMBER:?}", PRICE: "$$5"}
    ports: ["${NUMBER}:80"]
"""


def test_the_bake_file_is_read_only_where_it_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(SERVICES)
    assert project(tmp_path, bake=False).bake == {}
    assert project(tmp_path).bake == {}
    assert list(project_with_builds(tmp_path).bake["target"]) == ["web"]


def test_it_has_folders_of_the_project_and_the_values_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(SERVICES)
    found = project_with_builds(tmp_path, values="NUMBER=8000\n")
    target = found.bake["target"]["web"]
    assert target["context"] == "/project/web"
    assert target["args"] == {"KEY": found.placeholders["KEY"], "NUMBER": "8000", "PRICE": "$5"}
    assert found.plain == ("NUMBER",)


def test_profiles_and_files_choose_its_targets(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {build: .}, job: {build: ., profiles: [jobs]}}")
    (tmp_path / "more.yaml").write_text("services: {more: {build: .}}")
    assert set(project_with_builds(tmp_path).bake["target"]) == {"web"}
    chosen = project_with_builds(tmp_path, files=["compose.yaml", "more.yaml"], profiles=["jobs"])
    assert set(chosen.bake["target"]) == {"web", "job", "more"}


def test_a_project_that_builds_nothing_is_read(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {db: {image: postgres:18}}")
    assert list(project_with_builds(tmp_path).services) == ["db"]


def test_what_compose_refuses_of_the_builds_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services: {db: {image: x}, web: {build: {context: ., additional_contexts: {a: 'service:db'}}}}"
    )
    with raises("compose.invalid", match='declares non-buildable service "db"'):
        project_with_builds(tmp_path)


def test_a_project_directory_that_is_not_there_is_a_result(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in ("nowhere", "file"):
        with raises("compose.invalid", match=f"/project/{folder} is not a folder"):
            project(tmp_path, folder)


def test_variables_of_an_env_file_are_those_that_the_file_itself_does_not_set(tmp_path: Path) -> None:
    (tmp_path / "web.env").write_text("OWN=1\nBOTH=2\n")
    for written in ("[BOTH=3, 'PASSED', URL=a=b]", "{BOTH: 3, PASSED: , URL: a=b}"):
        service = f"{{image: x, env_file: web.env, environment: {written}}}"
        (tmp_path / "compose.yaml").write_text(f"services: {{web: {service}}}")
        assert project(tmp_path).from_files == {"web": ("OWN",)}
