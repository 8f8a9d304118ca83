"""Tests run as each service's files say: in its image, in a stage, or by a command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.engine.shops import ORIGIN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine

BASE = "FROM python:3.13-slim-trixie\nWORKDIR /app\nCOPY . .\n"
COMPOSE = """
services:
  web:
    build: web
    environment: {BACKEND_URL: "http://backend:8000", OTHER: "1"}
    depends_on: [backend]
  backend:
    image: python:3.13-slim-trixie
    command: [python3, -m, http.server, "8000"]
    healthcheck: {test: [CMD, python3, -c, "import socket; socket.create_connection(('127.0.0.1', 8000))"]}
  built: {build: built}
  broken: {build: broken}
  started: {build: started}
  command: {build: command}
"""
JUNIT = '<testsuite tests="2" failures="1"/>'
FILES = {
    "compose.yaml": COMPOSE,
    ".ci.toml": """
[services.command]
test = "printf '%s' '$JUNIT' >reports.xml; exit 1"
junit = "reports.xml"
""".replace("$JUNIT", JUNIT.replace('"', '\\"')),
    "web/Dockerfile": BASE + "RUN useradd web\nUSER web\n",
    "web/shop.py": "def total(*prices):\n    return sum(prices)\n",
    "web/requirements-test.txt": "pytest==9.2.0\n",
    "web/pytest.ini": "[pytest]\npython_functions = check_*\n",
    "web/tests/test_shop.py": """
import os, urllib.request

from shop import total


def check_total():
    assert total(1, 2) == 3


def check_backend():
    assert urllib.request.urlopen(os.environ["BACKEND_URL"], timeout=5).status == 200
    assert "OTHER" not in os.environ
""",
    "built/Dockerfile": BASE.replace("\n", " AS base\n", 1) + "FROM base AS test\nRUN true\nFROM base\n",
    "broken/Dockerfile": BASE.replace("\n", " AS base\n", 1)
    + "FROM base AS test\nRUN echo the reason >&2 && exit 3\nFROM base\n",
    "started/Dockerfile": BASE.replace("\n", " AS base\n", 1)
    + 'FROM base AS test\nCMD ["sh", "-c", "echo not this time; exit 4"]\nFROM base\n',
    "command/Dockerfile": BASE,
}
# Each of these cannot be tested, for the reason of its code.
WRONG = {
    "compose.yaml": """
services:
  no-python: {build: no-python}
  no-shell: {build: no-shell}
  no-junit: {build: no-junit}
  no-packages: {build: no-packages}
""",
    ".ci.toml": """
[services.no-shell]
test = "true"
[services.no-junit]
test = "true"
junit = "reports.xml"
""",
    "no-python/Dockerfile": "FROM debian:trixie-slim\n",
    "no-python/requirements.txt": "pytest\n",
    "no-python/tests/test_a.py": "",
    "no-shell/Dockerfile": "FROM scratch\nCOPY Dockerfile /\n",
    "no-junit/Dockerfile": "FROM debian:trixie-slim\n",
    "no-packages/Dockerfile": BASE,
    "no-packages/requirements-test.txt": "-r missing.txt\n",
    "no-packages/tests/test_a.py": "",
}
CODES = ("test.no-python", "test.no-shell", "test.junit-missing", "test.dependencies-not-installed")
PUBLISH = ("registry", "--address", "registry.example/x", "publish", "--ref", "refs/heads/main", *ORIGIN)
EXPECTED = {
    "web": (2, ""),
    "built": (0, ""),
    "broken": (0, "the stage test failed"),
    "started": (0, "exit code 4"),
    "command": (2, "1 failed"),
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def report(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = written(tmp_path_factory.mktemp("conventions"), FILES)
    out = folder / "out"
    called = dagger.call("--source", str(folder), "report", "--only", "test", "export", "--path", str(out))
    assert called.code == 0, called.error
    return out / "test"


@pytest.mark.parametrize("service", EXPECTED)
def test_each_convention_has_its_result(report: Path, service: str) -> None:
    found = json.loads((report / "tests.json").read_text())["services"][service]
    assert (found["tests"], found["failure"]) == EXPECTED[service], found


@pytest.mark.parametrize(("service", "text"), [("broken", "the reason"), ("started", "not this time")])
def test_what_fails_shows_its_output(report: Path, service: str, text: str) -> None:
    assert text in (report / service / "output.txt").read_text()


def test_what_cannot_be_tested_is_explained(dagger: Dagger, tmp_path: Path) -> None:
    called = dagger.call("--source", str(written(tmp_path, WRONG)), "test")
    assert called.code == 1
    assert [code for code in CODES if f"Code: {code}\n" not in f"{called.error}\n"] == []
    assert "Traceback" not in called.stderr


@pytest.mark.parametrize(
    ("setting", "code"),
    [("command:exit 7", "version.command-failed"), ("VERSION", "version.no-file")],
)
def test_a_version_that_cannot_be_read_is_refused_before_anything_is_built(
    dagger: Dagger, tmp_path: Path, setting: str, code: str
) -> None:
    folder = written(tmp_path, WRONG | {".ci.toml": f'version = "{setting}"\n'})
    called = dagger.call("--source", str(folder), *PUBLISH)
    assert called.code == 1
    assert f"Code: {code}" in called.error
