"""Compose projects as people write them, read: the facts in the expected.yaml of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from ci.listing import Listing
from ci.project import builds, model, unsupported
from ci.project.load import ComposeOptions, Project, no_file
from ci.project.policy import Policy
from ci.project.render import render
from ci.references import ImagesMap
from ci.workspace import Workspace
from tests.raised import raises
from tests.unit.project.reading import FIXTURES, outcome, project

if TYPE_CHECKING:
    from pathlib import Path

    from dagger import Directory

    from ci.project.definition import ServiceDefinition
    from ci.project.model import ComposeModel

PROJECTS = FIXTURES / "projects"


def expected(name: str) -> dict[str, Any]:
    found = yaml.safe_load((PROJECTS / name / "expected.yaml").read_text())
    assert isinstance(found, dict)
    return found


NAMES = sorted(path.parent.name for path in PROJECTS.glob("*/expected.yaml"))


def printed(name: str, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - see compose_config
    given = expected(name).get("given")
    if folder := expected(name).get("folder"):
        return outcome(PROJECTS, folder, **request)
    if given:
        request = {"values": "".join(f"{key}={value}\n" for key, value in given.items()), **request}
    return outcome(PROJECTS / name, **request)


def read(name: str, **request: Any) -> ComposeModel:  # noqa: ANN401 - as above
    return model.read(json.dumps(printed(name, **request)), expected(name).get("folder", "."))


def mounts(service: ServiceDefinition) -> list[str]:
    return [f"{each.source}:{each.target}" for each in service.volumes]


def facts(name: str) -> dict[str, Any]:
    """Return all that an expected.yaml may say, by its keys."""
    text = printed(name)
    found, raw = (
        model.read(json.dumps(text), expected(name).get("folder", ".")),
        text["undoubled"]["services"],
    )
    services = found.services
    return {
        "services": list(services),
        "environment": {name: item.get("environment") for name, item in raw.items()},
        "mounts": {name: mounts(item.definition) for name, item in services.items()},
        "raw": raw,
        "ports": {name: [str(port) for port in item.ports] for name, item in services.items()},
        "image": {name: item.image for name, item in services.items()},
        "build": {name: item.build.context for name, item in services.items() if item.build},
        "refused": [f"{each.place}: {each.value}" for each in unsupported.found(found, services)],
        "external": unsupported.external(found.definition),
        "needed": {name: list(places) for name, places in found.needed.items()},
        "random": list(found.random),
        "unset": list(found.unset),
        "plain": list(found.plain),
    }


def same(wanted: Any, actual: Any, path: str) -> None:  # noqa: ANN401 - pieces of YAML
    """Compare; of a map of maps only what is wanted."""
    if isinstance(wanted, dict) and path.count(".") < 2:
        for key, value in wanted.items():
            assert key in actual, f"{path}.{key}"
            same(value, actual[key], f"{path}.{key}")
    else:
        assert actual == wanted, path


@pytest.mark.parametrize("name", NAMES)
def test_a_project_is_read_as_expected(name: str) -> None:
    found = facts(name)
    for key, wanted in expected(name).items():
        if key not in ("given", "folder"):
            same(wanted, found[key], key)


@pytest.mark.parametrize("name", [name for name in NAMES if "refused" not in expected(name)])
def test_nothing_else_is_refused(name: str) -> None:
    found = read(name)
    unsupported.check(found, found.services)


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
    assert alone.services["web"].definition.words == ("serve",)
    both = read("override", files=["compose.yaml", "compose.override.yaml"])
    assert both.services["web"].definition.words == ("serve", "--debug")


def test_a_project_in_a_folder_reaches_what_is_above_it_but_not_outside_of_the_source(
    tmp_path: Path,
) -> None:
    (tmp_path / "compose.yaml").write_text("services: {app: {image: x, volumes: ['../up:/up']}}")
    found = project(tmp_path)
    with raises("compose.refused-keys", match=r"services\.app\.volumes: /.*/up\b"):
        unsupported.check(found, found.services)


def test_a_value_that_must_be_a_number_and_is_none_is_reported_by_compose() -> None:
    with raises("compose.invalid", match="eighty"):
        project(PROJECTS / "numbers", values="PORT=eighty\nMEMORY=1m\nFROZEN=true\n")


def test_numbers_sizes_and_flags_that_nobody_gave_are_needed() -> None:
    found = read("numbers", values="")
    assert set(found.needed) == {"PORT", "MEMORY", "FROZEN"}
    with raises("compose.value-missing", match="PORT"):
        found.check_values(["web"])


NUMBERED = """
x-health: &health {interval: $EVERY, retries: $RETRIES}
services:
  agent: {image: x, volumes: ["${ROOT_FOLDER}:/host:ro"], ports: ["$ONE", "$OTHER"], environment: [A=$ONE]}
  web: {image: "$WEB", labels: ["team=$TEAM"], healthcheck: {<<: *health, test: "true"}}
  worker: {image: "worker:1", healthcheck: {<<: *health, test: "true"}}
"""


def test_a_variable_whose_empty_text_compose_rejects_is_needed_and_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(NUMBERED)
    found = project(tmp_path)
    assert set(found.needed) == {"EVERY", "ONE", "OTHER", "RETRIES", "ROOT_FOLDER", "WEB"}
    assert found.unset == ("TEAM",)
    assert "services.web.healthcheck.retries" in found.needed["RETRIES"]
    with raises("compose.value-missing", match="RETRIES"):
        found.check_values(["worker"])


def test_a_mistake_beside_a_variable_without_a_value_is_still_the_error(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: x, scale: $COUNT, depends_on: [gone]}}")
    with raises("compose.invalid", match="gone"):
        project(tmp_path)


def test_profiles_that_exist_are_named_if_none_is_enabled(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services: {web: {image: x, profiles: [web]}, js: {image: x, profiles: [assets, web]}}"
    )
    with raises("compose.no-services", match="profiles: assets, web\n"):
        project(tmp_path)
    assert set(project(tmp_path, values="COMPOSE_PROFILES=assets\n").services) == {"js"}


@pytest.mark.parametrize(
    ("elsewhere", "options"),
    [
        (["deploy/docker-compose.logging.yml", "deploy/docker-compose.yml"], "--project-directory deploy"),
        (["a/b/compose.yaml", "docker/compose.yaml"], "--project-directory docker"),
        (["compose.prod.yaml"], "--files compose.prod.yaml"),
        (["docker/compose.dev.yml"], "--project-directory docker --files compose.dev.yml"),
    ],
)
def test_a_compose_file_elsewhere_is_named_with_its_folder(elsewhere: list[str], options: str) -> None:
    with raises("compose.no-file", match=f": {options}\nCode"):
        raise no_file(".", elsewhere)


def test_a_file_that_is_named_from_the_wrong_folder_is_named_from_the_right_one() -> None:
    found = no_file("docker", ["docker/compose.yaml", "docker/compose.dev.yml"], "docker/compose.dev.yml")
    assert found.what == "there is no docker/compose.dev.yml in the project's folder 'docker'"
    assert "--project-directory docker --files compose.dev.yml" in found.hint


@pytest.mark.parametrize(
    ("files", "folder", "placed"),
    [
        ([], "", ([], ".")),
        (["compose.prod.yaml"], "", (["compose.prod.yaml"], ".")),
        (
            ["./deploy/a.yaml", "b.yaml", "deploy/x/c.yaml"],
            "",
            (["a.yaml", "../b.yaml", "x/c.yaml"], "deploy"),
        ),
        (["deploy/a.yaml"], ".", (["deploy/a.yaml"], ".")),
        (["a.yaml"], "deploy/", (["a.yaml"], "deploy")),
        (["../a.yaml"], "", (["../a.yaml"], ".")),
    ],
)
def test_the_first_file_s_folder_is_the_project_directory_as_for_compose(
    files: list[str], folder: str, placed: tuple[list[str], str]
) -> None:
    found = ComposeOptions(files, folder=folder).placed()
    assert (found.files, found.folder) == placed


def test_a_variable_for_one_of_a_few_words_is_known_and_a_command_keeps_its_words(tmp_path: Path) -> None:
    db = "{image: x, cgroup: '${GROUP}', command: '${COMMAND}', environment: {KEY: '${KEY}'}}"
    web = "{image: x, depends_on: {db: {condition: '${CONDITION}'}}}"
    (tmp_path / "compose.yaml").write_text(f"services: {{db: {db}, web: {web}}}")
    values = "GROUP=private\nCONDITION=service_healthy\nCOMMAND=one two\nKEY=secret\n"
    found = project(tmp_path, values=values)
    assert found.services["web"].depends_on == {"db": "service_healthy"}
    assert found.services["db"].definition.command == ("one", "two")
    assert found.plain == ("COMMAND", "CONDITION", "GROUP")


NAMELESS = """
services:
  web: {build: ., image: "${WEB_IMAGE?name it}:1"}
  db: {image: "$DB_IMAGE"}
"""


def test_an_image_whose_name_has_no_value_is_shown_as_written_and_is_not_looked_up(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(NAMELESS)
    nothing = cast("Directory", None)
    loaded = Project(
        Workspace(nothing, nothing, ImagesMap({}), Listing(nothing)), project(tmp_path), Policy()
    )
    assert loaded.left_out() == {}
    shown = render(loaded.compose, {}, "table")
    assert "${WEB_IMAGE}:1" in shown
    assert "${DB_IMAGE}" in shown
    assert "placeholder" not in shown
    with raises("compose.value-missing", "services.web.image", match="WEB_IMAGE"):
        builds.check(loaded.compose)


def test_each_missing_dotenv_is_named_by_its_path_with_the_services_that_need_it(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services: {api: {image: x, env_file: [.env, apps/api/.env]}, worker: {image: x, env_file: .env}}"
    )
    with raises("compose.env-file-missing", match=r"exist: \.env, apps/api/\.env\n") as caught:
        project(tmp_path)
    assert ".env: services.api.env_file, services.worker.env_file\n" in caught.value.details
