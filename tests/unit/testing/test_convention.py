"""Which convention decides, for the files that projects have."""

from __future__ import annotations

import posixpath

import pytest

from ci.project.definition import ServiceDefinition
from ci.project.model import Build, Service
from ci.project.policy import Policy, ServiceSettings
from ci.testing import convention
from ci.testing.convention import Tree
from ci.testing.runs import untested
from tests.raised import raises

DOCKERFILE = "FROM python:3.12-slim\nCOPY . .\n"
STAGED = "FROM python:3.12 AS build\nFROM --platform=$BUILDPLATFORM build as test\nRUN pytest\nFROM build\n"


def service(context: str = "api", dockerfile: str = "Dockerfile", **build: str | bool) -> Service:
    built = Build(context, dockerfile, **build)  # type: ignore[arg-type]
    return Service("api", ServiceDefinition(), built)


def of(files: dict[str, str]) -> Tree:
    names: dict[str, set[str]] = {}
    python = {posixpath.dirname(path) for path in files if path.endswith(".py")}
    for path in files:
        child = path
        suffix = ""
        while child:
            folder, name = posixpath.split(child)
            names.setdefault(folder or ".", set()).add(name + suffix)
            child, suffix = folder, "/"
    return Tree({folder: frozenset(found) for folder, found in names.items()}, files, frozenset(python))


BASE = {"api/Dockerfile": DOCKERFILE, "api/tests/test_a.py": ""}
GROUP = '[dependency-groups]\ntest = ["pytest"]\n'
POETRY = (
    '[[package]]\nname = "pytest"\nversion = "9"\ngroups = ["main", "dev"]\nfiles = [{hash = "sha256:1"}]\n'
)

CASES = {
    "uv": ({"pyproject.toml": GROUP, "uv.lock": ""}, ("uv.lock", "uv.lock", "test")),
    "uv beside": ({"api/pyproject.toml": GROUP, "api/uv.lock": ""}, ("uv.lock", "api/uv.lock", "test")),
    "uv without its group, then requirements": (
        {"pyproject.toml": "", "uv.lock": "", "requirements-dev.txt": ""},
        ("requirements", "requirements-dev.txt", ""),
    ),
    "uv's older notation": (
        {"pyproject.toml": '[tool.uv]\ndev-dependencies = ["pytest"]', "uv.lock": ""},
        ("uv.lock", "uv.lock", "dev"),
    ),
    "poetry": ({"api/poetry.lock": POETRY}, ("poetry.lock", "api/poetry.lock", "dev")),
    "poetry 1, group in pyproject": (
        {"pyproject.toml": "[tool.poetry.group.tests.dependencies]\npytest = '*'", "poetry.lock": ""},
        ("poetry.lock", "poetry.lock", "tests"),
    ),
    "pdm": (
        {"pdm.lock": POETRY.replace("main", "default").replace("dev", "test")},
        ("pdm.lock", "pdm.lock", "test"),
    ),
    "beside before the root": (
        {"api/requirements-dev.txt": "", "requirements-test.txt": ""},
        ("requirements", "api/requirements-dev.txt", ""),
    ),
    "test before dev": (
        {"api/requirements-dev.txt": "", "api/requirements-test.txt": ""},
        ("requirements", "api/requirements-test.txt", ""),
    ),
    "a folder of requirements": (
        {"api/requirements/dev.txt": ""},
        ("requirements", "api/requirements/dev.txt", ""),
    ),
    "pytest is in the image": (
        {"api/requirements.txt": "fastapi==1\npytest>=8\n"},
        ("image", "api/requirements.txt", ""),
    ),
    "a plugin is not pytest": ({"api/requirements.txt": "pytest-cov==1\n"}, ("none", "", "")),
    "nothing": ({}, ("none", "", "")),
}


@pytest.mark.parametrize("name", CASES)
def test_the_first_file_that_names_packages_decides(name: str) -> None:
    files, expected = CASES[name]
    found = convention.decide(service(), Policy(), of(BASE | files))
    assert (found.kind, found.path, found.group) == expected
    assert found.tests == "api/tests"
    assert found.why


def test_a_stage_comes_before_locks_and_a_command_before_a_stage() -> None:
    files = of(BASE | {"api/Dockerfile": STAGED, "pyproject.toml": GROUP, "uv.lock": ""})
    found = convention.decide(service(), Policy(), files)
    assert (found.kind, found.stage) == ("stage", "test")
    policy = Policy(services={"api": ServiceSettings(test="npm test", stage="build")})
    found = convention.decide(service(), policy, files)
    assert (found.kind, found.command, found.stage) == ("command", "npm test", "build")
    found = convention.decide(service(), Policy(services={"api": ServiceSettings(stage="build")}), files)
    assert (found.kind, found.stage) == ("stage", "build")


def test_a_command_in_the_image_needs_no_stage_and_no_tests() -> None:
    policy = Policy(services={"api": ServiceSettings(test="go test ./...")})
    found = convention.decide(service(), policy, of({"api/Dockerfile": STAGED}))
    assert (found.kind, found.stage, found.tests) == ("command", "", "")


@pytest.mark.parametrize(
    ("text", "staged"),
    [
        ("FROM a AS test", True),
        ("from a as test", True),
        ("FROM --platform=linux/amd64 a AS test\n", True),
        ("FROM a AS tests", False),
        ("# FROM a AS test", False),
        ("RUN echo FROM a AS test", False),
        ("FROM test", False),
    ],
)
def test_only_a_stage_called_test_is_one(text: str, *, staged: bool) -> None:
    found = convention.decide(service(), Policy(), of({"api/Dockerfile": text}))
    assert (found.kind == "stage") is staged
    inline = convention.decide(service(inline=text), Policy(), of({}))
    assert (inline.kind == "stage") is staged


def test_a_dockerfile_in_its_own_folder_belongs_to_its_context_too() -> None:
    files = of({"docker/Dockerfile": DOCKERFILE, "requirements-dev.txt": "", "tests/test_a.py": ""})
    built = service(".", "docker/Dockerfile")
    assert convention.folders(built) == ["docker", "."]
    found = convention.decide(built, Policy(tests="tests"), files)
    assert (found.kind, found.tests) == ("requirements", "tests")


def test_a_service_at_the_root_and_a_remote_one() -> None:
    assert convention.folders(service(".")) == ["."]
    remote = service("https://example.com/a.git", remote=True)
    assert convention.folders(remote) == ["."]
    assert convention.decide(remote, Policy(), of(BASE)).kind == "none"
    outside = service("../other")
    assert convention.folders(outside) == ["."]


def test_pytest_s_settings_are_those_beside_then_those_of_the_root() -> None:
    files = BASE | {"api/requirements-dev.txt": "", "setup.cfg": "[tool:pytest]\n"}
    assert convention.decide(service(), Policy(), of(files)).config == "setup.cfg"
    files |= {
        "api/pyproject.toml": "[tool.pytest.ini_options]\nasyncio_mode = 'auto'\n",
        "api/tox.ini": "[tox]\n",
    }
    assert convention.decide(service(), Policy(), of(files)).config == "api/pyproject.toml"
    strict = BASE | {"pyproject.toml": GROUP + "[tool.pytest]\n", "uv.lock": ""}
    assert convention.decide(service(), Policy(), of(strict)).config == ""


def test_the_suite_has_its_own_file_or_the_root_s() -> None:
    own = of({"tests/integration/requirements.txt": "pytest", "pyproject.toml": GROUP, "uv.lock": ""})
    assert convention.suite("tests/integration", Policy(), own).path == "tests/integration/requirements.txt"
    root = of({"tests/integration/test_a.py": "", "pyproject.toml": GROUP, "uv.lock": ""})
    assert convention.suite("tests/integration", Policy(), root).group == "test"
    with raises("test.suite-without-dependencies", match="tests/integration"):
        convention.suite("tests/integration", Policy(), of({"tests/integration/test_a.py": ""}))


def test_a_pyproject_that_is_not_toml_is_named() -> None:
    files = of(BASE | {"api/pyproject.toml": "[", "api/uv.lock": ""})
    with raises("test.not-toml", match="api/pyproject.toml"):
        convention.decide(service(), Policy(), files)


def test_a_service_without_tests_is_refused_with_what_to_add() -> None:
    nothing = convention.decide(service(), Policy(), of({"api/package.json": "{}"}))
    error = untested("api", nothing, ".ci.toml: ")
    assert error.code == "test.no-tests"
    assert 'set .ci.toml: services.api.test = "npm test"' in error.hint
    alone = convention.decide(service(), Policy(), of(BASE))
    assert untested("api", alone, ".ci.toml: ").code == "test.no-dependencies"


def test_a_folder_of_tests_in_another_language_is_not_run_by_pytest() -> None:
    files = {"web/Dockerfile": DOCKERFILE, "web/package.json": "", "web/tests/login.spec.ts": ""}
    found = convention.decide(service("web"), Policy(), of(files | {"pyproject.toml": GROUP, "uv.lock": ""}))
    assert (found.kind, found.tests, found.suggestion) == ("none", "", "npm test")
    assert found.why == "web/tests has no Python files, and there is no stage and no command"
