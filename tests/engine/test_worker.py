"""Shapes that many projects have: an API and a worker of one image, values in an env file, and a .venv."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine

FILES = {
    "compose.yaml": """
name: queue
x-app: &app
  build: {context: app}
  env_file: .env
  depends_on: [redis]
services:
  redis: {image: "redis:7.4.11-alpine"}
  api: {<<: *app, command: python app.py api}
  worker: {<<: *app, command: python app.py worker, healthcheck: {disable: true}}
  seed: {<<: *app, command: python app.py seed, healthcheck: {disable: true}}
""",
    "app/Dockerfile": """
FROM python:3.13-slim-trixie
WORKDIR /app
COPY app.py .
USER 10001
HEALTHCHECK --interval=1s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000')"]
CMD ["python", "app.py", "api"]
""",
    "app/app.py": """
import http.server, os, signal, socket, sys, urllib.parse

def redis():
    url = urllib.parse.urlsplit(os.environ["QUEUE_URL"])
    return socket.create_connection((url.hostname, url.port))

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if sys.argv[1] == "api":
        http.server.HTTPServer(("", 8000), http.server.SimpleHTTPRequestHandler).serve_forever()
    with redis() as queue:
        if sys.argv[1] == "worker":
            queue.recv(1)
""",
    "app/requirements-dev.txt": "pytest==9.2.0\n",
    "app/tests/test_queue.py": """
import sys
sys.path.insert(0, "/app")
from app import redis

def test_the_queue_answers():
    with redis() as queue:
        queue.sendall(b"PING\\r\\n")
        assert queue.recv(7) == b"+PONG\\r\\n"
""",
    ".ci.toml": 'integration = ""\n',
}


@pytest.fixture(scope="module")
def canary() -> str:
    return f"canary-{secrets.token_hex(12)}"


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory, canary: str) -> list[str]:
    """The options for the project."""
    folder: Path = tmp_path_factory.mktemp("queue")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.lstrip("\n"))
    (folder / ".env").write_text(f"QUEUE_URL=redis://:{canary}@redis:6379/0\n")
    return ["--source", str(folder), "--env-file", f"file:{folder / '.env'}"]


def test_tests_get_the_secret_variable_of_what_runs_beside_them_and_run_once(
    dagger: Dagger, words: list[str], canary: str
) -> None:
    called = dagger.call(*words, "test")
    assert called.code == 0, called.error
    rows = {line.split()[0]: line for line in called.stdout.splitlines()[1:]}
    assert rows["api"].endswith("passed")
    assert rows["worker"].endswith(rows["seed"].partition("passed")[2])
    assert "the same image and tests as api" in rows["worker"]
    assert sum("run_tests.py" in command for command in called.executed()) == 1
    assert canary not in called.stdout + called.stderr


def test_a_worker_and_a_job_are_started_beside_what_they_need(dagger: Dagger, words: list[str]) -> None:
    called = dagger.call(*words, "posture")
    assert "Code: posture.failed" in called.error, "the base has no digest"
    broken = called.error.split()
    assert "pinned-base" in called.error
    assert "read-only-start" not in called.error, called.error
    assert "stops-in-time" not in broken


def test_tests_run_in_the_environment_of_the_command(dagger: Dagger, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    files = {
        "compose.yaml": "services: {api: {build: .}}\n",
        "Dockerfile": """
FROM python:3.13-slim-trixie
WORKDIR /app
RUN python3 -m venv --without-pip .venv && echo 'VALUE = 3' > .venv/lib/python3.13/site-packages/installed.py
CMD [".venv/bin/python", "-c", "import installed"]
""",
        "requirements-test.txt": "pytest==9.2.0\n",
        "tests/test_installed.py": "import installed\n\ndef test_it(): assert installed.VALUE == 3\n",
        ".ci.toml": 'integration = ""\n',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    called = dagger.call("--source", str(tmp_path), "test")
    assert called.code == 0, called.error
    assert "passed" in called.stdout
