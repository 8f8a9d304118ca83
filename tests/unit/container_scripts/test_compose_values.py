"""Values of an env file: Compose knows those that it has to, and none of the others is printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ci.container_scripts.compose_command import undoubled
from ci.container_scripts.compose_variables import filled
from ci.project import model
from tests.raised import raises
from tests.unit.project.reading import outcome, project

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary-0123456789"


def read(folder: Path, text: str, values: str | None = None, **files: str) -> dict[str, Any]:
    (folder / "compose.yaml").write_text(text)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    return outcome(folder, values=values)


def service(found: dict[str, Any]) -> dict[str, Any]:
    item: dict[str, Any] = found["model"]["services"]["web"]
    return item


@pytest.mark.parametrize(
    "keys",
    [
        "environment: ['KEY=${KEY}']",
        "environment: [KEY]",
        "environment: {KEY: null}",
        "environment: ['${KEY}']",
        "environment: {K: '${KEY:-default}', L: '${KEY:+${KEY}}'}",
        "command: [serve, --key, '${KEY}']",
        "command: 'serve --key ${KEY}'",
        "entrypoint: 'serve ${KEY}'",
        "healthcheck: {test: 'curl ${KEY}'}",
        "labels: ['key=${KEY}']",
        "env_file: x.env",
        "env_file: .env",
        "env_file: [{path: .env, format: raw}]",
        "logging: {driver: x, options: {token: '${KEY}'}}",
        "post_start: [{command: 'echo ${KEY}'}]",
        "annotations: {key: '${KEY}'}",
        "deploy: {labels: {key: '${KEY}'}}",
        "configs: [{source: c}]",
        "secrets: [s]",
        "x-key: '${KEY}'",
    ],
)
@pytest.mark.parametrize(
    "value", [CANARY, f"{CANARY} b", f"'{CANARY}\n#x'", f"'{CANARY}$$&;b'", f"a={CANARY}"]
)
def test_a_value_that_compose_need_not_know_is_nowhere(tmp_path: Path, keys: str, value: str) -> None:
    text = f"services: {{web: {{image: x, {keys}}}}}\nconfigs: {{c: {{content: '${{KEY}}'}}}}\n"
    text += "secrets: {s: {environment: KEY}}\nvolumes: {v: {driver_opts: {o: 'password=${KEY}'}}}\n"
    found = read(tmp_path, text, f"KEY={value}\n", x_env="K=${KEY}\n")
    assert "error" not in found
    assert CANARY not in json.dumps(found)
    assert not (tmp_path / ".env").exists()


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("ports: ['${VALUE}:80']", "8000-8001"),
        ("profiles: ['${VALUE}']", "extra"),
        ("profiles: ['e${VALUE}']", "xtra"),
        ("container_name: '${VALUE}'", "shop"),
        ("scale: '${VALUE}'", "2"),
        ("deploy: {replicas: '${VALUE}'}", "3"),
        ("mem_limit: '${VALUE}'", "64m"),
        ("read_only: '${VALUE}'", "true"),
        ("volumes: ['./${VALUE}:/x']", "data"),
        ("volumes: ['${VALUE}']", "./data:/data:ro"),
        ("env_file: '${VALUE}.env'", "x"),
        ("networks: {default: {aliases: ['api.${VALUE}']}}", "example.test"),
        ("platform: '${VALUE}'", "linux/amd64"),
        ("healthcheck: {test: x, retries: '${VALUE}'}", "7"),
        ("restart: '${VALUE}'", "always"),
        ("build: {context: ., args: {A: '${VALUE}'}}", "3.13"),
        ("build: {context: ., args: [VALUE]}", "3.13"),
        ("build: {context: '${VALUE}'}", "web"),
        ("image: 'x:${VALUE:-1}'", "2"),
    ],
)
def test_a_value_that_compose_has_to_know_is_in_the_model(tmp_path: Path, keys: str, value: str) -> None:
    image = "" if keys.startswith("image") else "image: x, "
    text = f"services: {{web: {{{image}{keys}}}, other: {{image: y, environment: {{K: '${{KEY}}'}}}}}}"
    values = f"VALUE={value}\nCOMPOSE_PROFILES=extra\nKEY={CANARY}\n"
    found = read(tmp_path, text, values, x_env="A=1\n")
    given = {"VALUE": value, "COMPOSE_PROFILES": "extra", "KEY": CANARY}
    assert CANARY not in json.dumps(found)
    (tmp_path / ".env").write_text(values)
    assert filled(found["model"], given)["services"] == undoubled(outcome(tmp_path)["model"])["services"]


def test_a_value_that_compose_refuses_is_not_in_the_error(tmp_path: Path) -> None:
    found = read(tmp_path, "services: {web: {image: x, command: 'serve ${KEY}'}}", f"KEY='{CANARY}\"'\n")
    assert "services[web].command" in found["error"]
    assert CANARY not in json.dumps(found)


def test_profiles_files_and_the_name_come_from_it(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("services: {web: {image: x}, more: {image: y, profiles: [extra]}}")
    values = "COMPOSE_FILE=other.yaml\nCOMPOSE_PROFILES=extra\nCOMPOSE_PROJECT_NAME=shop\n"
    found = read(tmp_path, "services: {no: {image: x}}", values)
    assert (found["model"]["name"], set(found["model"]["services"])) == ("shop", {"web", "more"})


def test_what_a_value_makes_more_of_than_text_is_as_it_was_written(tmp_path: Path) -> None:
    text = "services: {web: {image: x, command: 'java ${OPTIONS} $$HOME', environment: [A, B.c]}}"
    found = read(tmp_path, text, "OPTIONS=-a -b\nA=1\nB.c=2\n")
    assert service(found)["command"] == "java ${OPTIONS} $$HOME"
    assert service(found)["environment"] == ["A", "B.c"]
    one = read(tmp_path, text, "OPTIONS=-a\n")
    assert service(one)["command"] == ["java", found["placeholders"]["OPTIONS"], "$$HOME"]


def test_the_model_has_doubled_dollars_and_raw_has_none(tmp_path: Path) -> None:
    found = read(
        tmp_path, "services: {web: {image: x, environment: {A: '$$x $${y}', B: '${B}'}}}", "B='$z'\n"
    )
    assert service(found)["environment"]["A"] == "$$x $${y}"
    assert found["undoubled"]["services"]["web"]["environment"]["A"] == "$x ${y}"


def test_compose_takes_what_it_printed(tmp_path: Path) -> None:
    text = """
services:
  web:
    build: {context: web, args: {A: '$$x'}}
    command: serve '$$HOME'
    depends_on: {db: {condition: service_healthy}}
    env_file: x.env
    environment: [PASSED, 'A=${KEY:?}']
    ports: ['80', '8000-8001:9000-9001']
    secrets: [{source: s, mode: 0400}]
    volumes: ['./a:/a', 'v:/v', '/anonymous']
  db: {image: y, healthcheck: {test: x}}
secrets: {s: {file: ./s}}
volumes: {v: {}}
"""
    found = read(tmp_path, text, x_env="B='$literal'\n")
    again = tmp_path / "again"
    again.mkdir()
    (again / "compose.yaml").write_text(json.dumps(found["model"]))
    assert outcome(again)["model"] == found["model"]


def test_variables_without_a_value_are_reported_with_where_they_are_used(tmp_path: Path) -> None:
    text = """
services:
  web:
    image: x
    environment: [PASSED, 'A=${UNSET}', 'B=${EMPTY:-}', 'C=${NEEDED:?}', 'D=${GIVEN}']
    env_file: x.env
    secrets: [s]
  off: {image: y, profiles: [off], environment: ['A=${UNSET}']}
secrets: {s: {environment: SECRET}}
"""
    (tmp_path / "compose.yaml").write_text(text)
    (tmp_path / "x.env").write_text("X=${OF_A_FILE}\n")
    found = project(tmp_path, values="GIVEN=1\n")
    assert found.unset == ("OF_A_FILE", "PASSED", "UNSET")
    assert found.random == ("NEEDED", "SECRET")
    assert found.used["UNSET"] == ("services.web.environment",)
    assert found.used["SECRET"] == ("services.web.secrets",)
    assert found.used["OF_A_FILE"] == ()
    assert set(found.placeholders) == {"GIVEN", "NEEDED", "SECRET"}


def test_a_value_is_needed_only_by_the_services_that_use_it(tmp_path: Path) -> None:
    text = "services: {web: {image: 'x:${TAG:?}'}, db: {image: y, scale: '${COUNT:?}'}, one: {image: z}}"
    (tmp_path / "compose.yaml").write_text(text)
    found = project(tmp_path)
    found.check_values(["one"])
    for name, variable in (("web", "TAG"), ("db", "COUNT")):
        with raises("compose.value-missing", match=variable) as caught:
            found.check_values([name])
        assert f"services.{name}." in str(caught.value)


def test_the_working_directory_is_the_project(tmp_path: Path) -> None:
    found = read(tmp_path, "services: {web: {image: x, volumes: ['${PWD}/conf:/conf']}}")
    assert service(found)["volumes"][0]["source"] == "/project/conf"
    assert found["unset"] == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("services: {web: {image: x, env_file: .env}}", "services.web.env_file"),
        ("services: {web: {image: x, env_file: [sub/.env]}}", "services.web.env_file"),
        ("services: {web: {image: x, volumes: ['./.env:/x']}}", "services.web.volumes"),
        ("services: {web: {image: x, secrets: [s]}}\nsecrets: {s: {file: .env}}", "secrets.s.file"),
    ],
)
def test_a_dotenv_that_is_used_and_not_here_is_reported(tmp_path: Path, text: str, place: str) -> None:
    found = read(tmp_path, text)
    with raises("compose.env-file-missing", match="--env-file") as caught:
        model.read(json.dumps(found))
    assert place in str(caught.value)
    if "sub" not in text:
        model.read(json.dumps(read(tmp_path, text, "A=1\n")))


def test_a_dotenv_that_may_be_missing_is_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services: {web: {image: x, env_file: [{path: .env, required: false}]}}"
    )
    assert project(tmp_path).missing == ("services.web.env_file",)
    assert project(tmp_path, values="A=1\n").missing == ()


def test_an_env_file_outside_of_the_project_is_named(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: x, env_file: ../outer.env}}")
    with raises("project.path-outside", match="outside") as caught:
        project(tmp_path)
    assert "outer.env" in str(caught.value)


def test_a_project_that_compose_refuses_with_the_values_is_an_error_without_them(tmp_path: Path) -> None:
    text = "services: {web: {image: x, ports: ['${PORT}:80'], environment: {K: '${KEY}'}}}"
    found = read(tmp_path, text, f"PORT=eighty\nKEY={CANARY}\n")
    assert "eighty" in found["error"]
    assert CANARY not in json.dumps(found)


def test_a_variable_may_be_the_name_of_a_service_that_is_waited_for(tmp_path: Path) -> None:
    text = """
services:
  web: {image: x, depends_on: ["${DATABASE:-postgres}"], command: "serve --key ${KEY}", environment: [KEY]}
  postgres: {image: "postgres:16"}
  mariadb: {image: "mariadb:11", profiles: [other]}
"""
    # Compose checks the names as they are written only where it merges two files.
    (tmp_path / "compose.override.yaml").write_text("services: {web: {labels: [a]}}")
    assert list(service(read(tmp_path, text))["depends_on"]) == ["postgres"]
    found = read(tmp_path, text.replace(", profiles: [other]", ""), f"DATABASE=mariadb\nKEY={CANARY}\n")
    assert list(service(found)["depends_on"]) == ["mariadb"]
    assert found["plain"] == ["DATABASE"]
    assert "placeholder-of-KEY-" in service(found)["command"]
    assert CANARY not in json.dumps(found)


def test_settings_of_compose_in_the_env_file_have_their_values(tmp_path: Path) -> None:
    values = f"DOCKER_BUILDKIT=1\nCOMPOSE_PROJECT_NAME=shop\nDOCKER_PASSWORD={CANARY}\n"
    found = read(tmp_path, "services: {web: {image: x, environment: [DOCKER_PASSWORD]}}", values)
    assert found["model"]["name"] == "shop"
    assert found["plain"] == ["COMPOSE_PROJECT_NAME", "DOCKER_BUILDKIT"]
    assert CANARY not in json.dumps(found)
