"""Tests run as each service's files say: in its image, in a stage, or by a command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

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
EXPECTED = {
    "web": (2, ""),
    "built": (0, ""),
    "broken": (0, "the stage test failed"),
    "started": (0, "exit code 4"),
    "command": (2, "1 failed"),
}


@pytest.fixture(scope="module")
def report(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conventions")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    out = folder / "out"
    called = dagger.call("--source", str(folder), "report", "--only", "test", "export", "--path", str(out))
    assert called.code == 0, called.error
    return out / "test"


@pytest.mark.parametrize("service", EXPECTED)
def test_each_convention_has_its_result(report: Path, service: str) -> None:
    found = json.loads((report / "tests.json").read_text())["services"][service]
    assert (found["tests"], found["red"]) == EXPECTED[service], found


@pytest.mark.parametrize(("service", "text"), [("broken", "the reason"), ("started", "not this time")])
def test_what_fails_shows_its_output(report: Path, service: str, text: str) -> None:
    assert text in (report / service / "output.txt").read_text()
