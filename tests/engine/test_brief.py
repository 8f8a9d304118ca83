"""The brief's project as it is written goes through the pipeline; what policy finds wrong is policy.

Its base image contains pip, and that of a closed network does not: tests/fixtures/pip adds it.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from airgap import catalogue
from tests.engine.client import FIXTURES, Called, Dagger
from tests.engine.images import registry
from tests.engine.shops import database

if TYPE_CHECKING:
    from pathlib import Path

# It installs compilers with apt and packages with pip, which takes minutes the first time.
pytestmark = [pytest.mark.engine, pytest.mark.long]

SERVICES = {"agent-service", "assistant-service", "gateway", "knowledge-service", "research-service"}
CURL = "CMD curl -f http://localhost:8000/health || exit 1"
PYTHON = "CMD python -c 'import urllib.request as u; u.urlopen(\"http://localhost:8000/health\")'"


class Brief:
    """A copy of the fixture, and calls of the module on it."""

    def __init__(self, dagger: Dagger, folder: Path) -> None:
        self.dagger = dagger
        self.folder = shutil.copytree(FIXTURES / "brief", folder / "brief")
        values = self.folder / ".env.example"
        self.options = ["--source", str(self.folder), "--env-file", f"file:{values}"]
        if "CI_REGISTRY" in os.environ:
            self.options += ["--images", str(self._images(folder / "images.json"))]

    def _images(self, path: Path) -> Path:
        """Write an images map for the references of the brief, which have no digests."""
        base = f"{registry()}/tests/python-with-pip:3.13"
        words = ("--source", str(FIXTURES / "pip"), "image", "--service", "python", "publish")
        published = self.dagger.call(*words, "--address", base)
        assert published.code == 0, published.error
        known = catalogue.images_map(registry())
        latest = {
            f"{name}:latest": image
            for reference, image in known.items()
            if (name := reference.partition(":")[0])
            in ("qdrant/qdrant", "prom/prometheus", "grafana/grafana")
        }
        path.write_text(json.dumps(known | latest | {"python:3.12-slim": base}))
        return path

    def call(self, *words: str) -> Called:
        return self.dagger.call(*self.options, *words)


@pytest.fixture(scope="module")
def brief(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Brief:
    return Brief(dagger, tmp_path_factory.mktemp("brief"))


def test_every_gate_of_it_has_a_result(brief: Brief) -> None:
    out = brief.folder.parent / "report"
    gates = [word for gate in ("posture", "test", "scan") for word in ("--only", gate)]
    called = brief.call(*database(), "report", *gates, "export", "--path", str(out))
    assert called.code == 0, called.error
    tests = json.loads((out / "test" / "tests.json").read_text())["services"]
    assert {name: each["failure"] for name, each in tests.items()} == dict.fromkeys(SERVICES, "")
    assert (tests["gateway"]["tests"], tests["knowledge-service"]["tests"]) == (3, 1)
    posture = (out / "posture" / "posture.txt").read_text()
    for rule in ("gateway: non-root-user", "gateway: pinned-base", "agent-service: healthcheck"):
        assert f"\n{rule}\n" in posture
    scan = json.loads((out / "scan" / "scan.json").read_text())
    assert "(source)" in scan["failures"]  # the gateway's user is root


def test_doctor_names_latest_and_the_passwords_in_the_file(brief: Brief) -> None:
    called = brief.call("doctor")
    assert called.code == 0, called.error
    assert "qdrant/qdrant:latest has no digest" in called.stdout
    assert "services.postgres.environment.POSTGRES_PASSWORD" in called.stdout
    assert "services.gateway.environment.DATABASE_URL" in called.stdout


def test_a_healthcheck_that_cannot_run_is_named_and_without_it_the_stack_is_tested(brief: Brief) -> None:
    dockerfile = brief.folder / "gateway" / "Dockerfile"
    text = dockerfile.read_text()
    assert CURL in text
    fast = text.replace("--interval=30s", "--interval=1s")
    dockerfile.write_text(fast)
    called = brief.call("stack", "--only", "gateway", "check")
    assert called.code == 1
    assert "Code: stack.not-up" in called.error
    assert "curl" in called.error
    dockerfile.write_text(fast.replace(CURL, PYTHON))
    made = brief.call("init", "export", "--path", str(brief.folder))
    assert made.code == 0, made.error
    tested = brief.call("test-integration")
    assert tested.code == 0, tested.error
    assert "passed" in tested.stdout
