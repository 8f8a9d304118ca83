"""From a compose file alone to a passing integration test, by `doctor` and `init`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.engine.images import registry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine

COMPOSE = {"services": {"web": {"build": "web", "ports": ["8080:8000"]}}}
MODULE = "github.com/team/pipeline@v1"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    base = f"{registry()}/library/python:3.13-slim-trixie"
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "Dockerfile").write_text(
        f'FROM {base}\nCMD ["python3", "-m", "http.server", "8000"]\n'
    )
    (tmp_path / "compose.yaml").write_text(json.dumps(COMPOSE))
    return tmp_path


def test_init_makes_a_repository_green_and_then_changes_nothing(dagger: Dagger, project: Path) -> None:
    options = ("--source", str(project))
    before = dagger.call(*options, "doctor")
    assert before.code == 0, before.error
    assert "web/Dockerfile:1" in before.stdout
    assert 'services-without-tests = ["web"]' in before.stdout
    made = dagger.call(*options, "init", "--module", MODULE, "export", "--path", str(project))
    assert made.code == 0, made.error
    assert "@sha256:" in (project / "web" / "Dockerfile").read_text()
    assert (project / ".github" / "workflows" / "containers.yml").exists()
    again = dagger.call(*options, "init", "--module", MODULE, "is-empty")
    assert again.stdout.strip() == "true", again.error
    tested = dagger.call(*options, "test-integration")
    assert tested.code == 0, tested.error


def test_a_project_that_cannot_be_read_is_explained(dagger: Dagger, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {a: {imag: x}}")
    called = dagger.call("--source", str(tmp_path), "doctor")
    assert called.code == 0, called.error
    assert "Code: compose.invalid" in called.stdout
