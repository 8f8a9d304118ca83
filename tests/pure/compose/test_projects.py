"""Compose projects as people write them, planned: the facts in the expected.yaml of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ci.errors import PipelineError
from ci.stack import plan
from tests.pure.compose.reading import FIXTURES, project

if TYPE_CHECKING:
    from ci.compose.model import Project
    from ci.stack.mounts import File, Mount

PROJECTS = FIXTURES / "projects"


def expected(name: str) -> dict[str, Any]:
    found = yaml.safe_load((PROJECTS / name / "expected.yaml").read_text())
    assert isinstance(found, dict)
    return found


NAMES = sorted(path.parent.name for path in PROJECTS.glob("*/expected.yaml"))
REFUSED = [name for name in NAMES if "refused" in expected(name)]


def read(name: str, **request: Any) -> Project:  # noqa: ANN401 - see compose_config
    given = expected(name).get("given", {})
    if folder := expected(name).get("folder"):
        return project(PROJECTS, folder, **request)
    return project(PROJECTS / name, given=list(given), plain=given, **request)


def make(name: str, **request: Any) -> tuple[Project, plan.Plan]:  # noqa: ANN401 - as above
    found = read(name, **request)
    return found, plan.make(found, found.services, {})


def wait(edge: plan.Wait) -> str:
    return f"{edge.service} {edge.condition}{'' if edge.required else '?'}"


def mount(item: Mount) -> str:
    source = item.path or "/".join(filter(None, (item.volume, item.subpath)))
    return f"{source}:{item.target}"


def file(item: File) -> list[str]:
    return [item.target, item.variable or item.path or item.content, item.owner, oct(item.mode)]


def facts(found: Project, made: plan.Plan) -> dict[str, Any]:
    """Return all that an expected.yaml may say, by its keys."""
    containers = made.containers
    return {
        "containers": list(containers),
        "notes": [note.key for note in made.notes],
        "waits": {name: [wait(edge) for edge in item.waits] for name, item in containers.items()},
        "secret": {name: list(item.secret_environment) for name, item in containers.items()},
        "plain": {name: item.environment for name, item in containers.items()},
        "mounts": {name: [mount(each) for each in item.mounts] for name, item in containers.items()},
        "files": {name: [file(each) for each in item.files] for name, item in containers.items()},
        "init": {name: item.init for name, item in containers.items()},
        "raw": {name: item.raw for name, item in found.services.items()},
        "ports": {name: [str(port) for port in item.ports] for name, item in found.services.items()},
        "image": {name: item.image for name, item in found.services.items()},
        "build": {name: item.build.context for name, item in found.services.items() if item.build},
    }


def same(wanted: Any, actual: Any, path: str) -> None:  # noqa: ANN401 - pieces of YAML
    """Compare; of a map of maps only what is wanted."""
    if isinstance(wanted, dict) and path.count(".") < 2 and not path.startswith("plain."):
        for key, value in wanted.items():
            assert key in actual, f"{path}.{key}"
            same(value, actual[key], f"{path}.{key}")
    else:
        assert actual == wanted, path


@pytest.mark.parametrize("name", [name for name in NAMES if name not in REFUSED])
def test_a_project_is_planned_as_expected(name: str) -> None:
    found = facts(*make(name))
    for key, wanted in expected(name).items():
        if key not in ("given", "folder"):
            same(wanted, found[key], key)


@pytest.mark.parametrize("name", REFUSED)
def test_a_project_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(PipelineError) as caught:
        make(name)
    for text in expected(name)["refused"]:
        assert text in str(caught.value)


def test_there_are_thirty_projects_or_more() -> None:
    assert len(NAMES) >= 30


def test_profiles_choose_services() -> None:
    assert list(read("profiles").services) == ["app", "db"]
    assert list(read("profiles", profiles=["mail"]).services) == ["app", "db", "mail"]
    assert list(read("profiles", profiles=["debug"]).services) == ["admin", "app", "db", "mail"]


def test_an_include_is_part_of_the_project() -> None:
    # Of `name`, `include` and `version` nothing is left but services: Compose has read them.
    found = read("included")
    assert (found.name, list(found.services)) == ("included", ["app", "store"])


def test_files_are_merged_in_the_order_they_are_named() -> None:
    alone = read("override", files=["compose.yaml"])
    assert alone.services["web"].raw["command"] == ["serve"]
    both = read("override", files=["compose.yaml", "compose.override.yaml"])
    assert both.services["web"].raw["command"] == ["serve", "--debug"]


def test_a_project_in_a_folder_reaches_what_is_above_it_but_not_outside_of_the_source() -> None:
    found = project(PROJECTS / "volume-forms")
    with pytest.raises(PipelineError, match=r"bind mount of \.\./volume-forms/conf is outside"):
        plan.make(found, found.services, {})


def test_a_variable_that_must_be_a_number_and_is_none_is_told_by_compose() -> None:
    with pytest.raises(PipelineError, match="invalid"):
        project(PROJECTS / "numbers", given=["PORT"], plain={"PORT": "eighty"})
