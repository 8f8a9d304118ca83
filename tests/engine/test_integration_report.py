"""The report of an integration run is complete even if it fails, and profiles select services."""

from __future__ import annotations

import json
import secrets
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.client import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Called, Dagger

pytestmark = pytest.mark.engine

IMAGE = "python:3.13-slim-trixie"


def project(folder: Path, services: dict[str, Any], suite: str) -> Path:
    """Write a project with a suite; its lock is this repository's, for the suite's dependencies."""
    (folder / "tests" / "integration").mkdir(parents=True)
    (folder / "compose.yaml").write_text(json.dumps({"services": services}))
    (folder / "tests" / "integration" / "test_it.py").write_text(suite)
    shutil.copy(ROOT / "uv.lock", folder)
    text = (ROOT / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text.partition("[tool.ci]")[0])
    return folder


def report(dagger: Dagger, folder: Path, *words: str) -> tuple[Called, Path]:
    out = folder / "out"
    call = ["--source", str(folder), *words, "report", "--only", "test-integration", "export"]
    return dagger.call(*call, "--path", str(out)), out / "test-integration"


def test_a_stack_that_does_not_come_up(dagger: Dagger, tmp_path: Path) -> None:
    job = {"image": IMAGE, "command": ["python3", "-c", "print('half done'); raise SystemExit(3)"]}
    app = {
        "image": IMAGE,
        "command": ["sleep", "inf"],
        "depends_on": {"job": {"condition": "service_completed_successfully"}},
    }
    called, out = report(dagger, project(tmp_path, {"job": job, "app": app}, "def test_a(): pass\n"))
    assert called.code == 0, called.error
    summary = json.loads((out / "summary.json").read_text())
    assert summary["outcome"] == "the stack did not come up"
    assert summary["not_ready"]["job"].endswith("it ended with exit code 3; app waited for it")
    assert (out / "logs" / "job.log").read_text() == "half done\n"
    assert "half done" in (out / "error.txt").read_text()


def test_a_red_suite_and_a_service_of_a_profile(dagger: Dagger, tmp_path: Path) -> None:
    web: dict[str, Any] = {
        "image": IMAGE,
        "command": ["python3", "-m", "http.server", "80"],
        "profiles": ["web"],
    }
    suite = (
        "import urllib.request as u\n"
        "def test_there(): assert u.urlopen('http://web', timeout=9).status == 200\n"
        "def test_red(): assert 1 == 2\n"
    )
    web["healthcheck"] = {
        "test": ["CMD", "python3", "-c", suite.splitlines()[0] + "; u.urlopen('http://127.0.0.1')"]
    }
    folder = project(tmp_path, {"web": web, "other": {"image": IMAGE, "command": ["sleep", "inf"]}}, suite)
    called, out = report(dagger, folder, "--profiles", "web")
    assert called.code == 0, called.error
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["outcome"], summary["tests"], summary["failed"]) == ("1 failed", 2, 1)
    assert summary["not_ready"] == {}
    assert "1 == 2" in (out / "output.txt").read_text()
    assert 'name="test_there"' in (out / "junit.xml").read_text()
    assert {path.name for path in (out / "logs").iterdir()} >= {"web.log", "other.log"}
    without = dagger.call("--source", str(folder), "services")
    assert "other" in without.stdout
    assert "web" not in without.stdout


def test_no_page_has_the_value_of_a_secret(dagger: Dagger, tmp_path: Path) -> None:
    canary = f"canary-{secrets.token_hex(16)}"
    app = {
        "image": IMAGE,
        "environment": {"TOKEN": "${TOKEN}"},
        "command": ["sh", "-c", "echo token: $$TOKEN; exec sleep inf"],
    }
    folder = project(tmp_path, {"app": app}, "import os\ndef test_red(): assert 1 == 2\n")
    (tmp_path / "values.env").write_text(f"TOKEN={canary}\n")
    called, out = report(dagger, folder, "--env-file", f"file:{tmp_path / 'values.env'}")
    assert called.code == 0, called.error
    assert (out / "logs" / "app.log").read_text() == "token: ***\n"
    page = (out.parent / "index.html").read_text()
    assert "token: ***" in page
    assert "<h1>Failed in test-integration</h1>" in page
    written = [path for path in out.parent.rglob("*") if path.is_file()]
    assert [path for path in written if canary in path.read_text(errors="replace")] == []


def test_dagger_up_lists_the_stack(dagger: Dagger) -> None:
    listed = dagger.run("up", "--list")
    assert listed.code == 0, listed.stderr
    assert "ci:up" in listed.stdout
