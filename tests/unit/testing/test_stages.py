"""A stage of a build as one more target, and whether it has a command of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.build import bake
from ci.testing import stages
from tests.unit.project.reading import project_with_builds

if TYPE_CHECKING:
    from pathlib import Path

BASE = {"Cmd": ["python3"]}
FINAL = {"Cmd": ["uvicorn", "app:app"]}


def test_a_stage_is_one_more_target_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web.site: {build: {context: web, args: {A: '1'}}}}")
    (tmp_path / "web").mkdir()
    compose = project_with_builds(tmp_path)
    staged, name = stages.with_stage(compose, "web.site", "test.unit")
    assert name == "web_site-stage-test-unit"
    before = bake.plan(compose, ["web.site"], platform="", own_platform="linux/amd64")
    planned = bake.plan(staged, [name], platform="", own_platform="linux/amd64")
    assert planned.written[name]["target"] == "test.unit"
    assert planned.written[name]["args"] == {"A": "1"}
    assert bake.plan(staged, ["web.site"], platform="", own_platform="linux/amd64") == before
    assert name not in compose.services


def test_a_command_that_is_inherited_is_not_the_stage_s() -> None:
    assert stages.command_of(BASE, [FINAL, BASE]) == []
    assert stages.command_of(FINAL, [FINAL, BASE]) == []
    assert stages.command_of({"Cmd": ["pytest"]}, [FINAL, BASE]) == ["pytest"]
    assert stages.command_of({"Entrypoint": ["npm"], "Cmd": ["test"]}, [FINAL]) == ["npm", "test"]
    assert stages.command_of({}, [FINAL]) == []
