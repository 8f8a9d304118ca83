"""Inputs of builds: secrets and platforms; and invalid builds."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.client import ROOT, Dagger
from tests.engine.images import built, push_base, registry

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine

PYTHON = "ARG PYTHON_IMAGE=python:3.13-slim-trixie\nFROM ${PYTHON_IMAGE}\n"


def project(folder: Path, dockerfile: str, **services: dict[str, Any]) -> list[str]:
    """Write a project and return the options for it."""
    (folder / "Dockerfile").write_text(PYTHON + dockerfile)
    model = {"services": services, "secrets": {"token": {"environment": "TOKEN"}}}
    (folder / "compose.yaml").write_text(json.dumps(model))
    return ["--source", str(folder)]


LEAKS = {"build": {"context": ".", "secrets": ["token"]}}
LEAK = 'RUN --mount=type=secret,id=token cp /run/secrets/token /leak\nCMD ["sleep", "600"]\n'


def test_a_build_secret_that_gets_into_the_image_is_found_and_not_shown(
    dagger: Dagger, tmp_path: Path
) -> None:
    canary = f"canary-{secrets.token_hex(16)}"
    # A secret's value is not part of a step's cache key, so an equal step would return an earlier result.
    words = project(tmp_path, f"ARG RUN={canary[-8:]}\n{LEAK}", web=LEAKS)
    (tmp_path / ".dockerignore").write_text("values\n")
    values = tmp_path / "values"
    values.write_text(f"TOKEN={canary}\n")
    called = dagger.call(*words, "--env-file", f"file:{values}", "posture")
    assert called.code == 1
    assert "Code: posture.failed" in called.error
    assert "/leak: " in called.error
    assert canary not in called.stdout + called.stderr


def test_a_platform_that_the_engine_cannot_run_is_one_error_before_building(
    dagger: Dagger, tmp_path: Path
) -> None:
    words = project(tmp_path, "RUN echo this is built\n", web={"build": {"context": "."}})
    called = dagger.call(*words, "build", "--platform", "linux/s390x")
    assert called.code == 1
    assert "Code: build.platform-unavailable" in called.error
    assert "--platform linux/s390x" in called.error
    assert "this is built" not in called.stderr


def test_two_services_that_build_one_image_are_named(dagger: Dagger, tmp_path: Path) -> None:
    one = {"image": "team/web:1", "build": {"context": "."}}
    other = {"image": "team/web:1", "build": {"context": ".", "args": {"A": "1"}}}
    called = dagger.call(*project(tmp_path, "", a=one, b=other), "build")
    assert called.code == 1
    assert "Code: compose.image-built-twice" in called.error
    assert all(value in called.error for value in ("'a'", "'b'", "team/web:1"))


def test_builds_in_a_circle_are_named(dagger: Dagger, tmp_path: Path) -> None:
    def waits(other: str) -> dict[str, Any]:
        return {"build": {"context": ".", "additional_contexts": {"other": f"service:{other}"}}}

    called = dagger.call(*project(tmp_path, "", a=waits("b"), b=waits("a")), "build")
    assert called.code == 1
    assert "Code: build.bake-failed" in called.error
    assert re.search(r"\b(a to b|b to a)\b", called.error)


@pytest.mark.long
def test_a_test_that_hangs_is_named_and_reported(tmp_path: Path) -> None:
    copy = tmp_path / "repository"
    ignore = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, copy, ignore=ignore)
    settings = copy / "pyproject.toml"
    text, times = re.subn(r"(?m)^test-timeout = \d+", "test-timeout = 20", settings.read_text())
    assert times == 1
    settings.write_text(text)
    hang = "import threading\n\n\ndef test_waits_for_ever():\n    threading.Event().wait()\n"
    (copy / "services" / "assistant" / "tests" / "test_a_hang.py").write_text(hang)
    here = Dagger(copy)
    called = here.call("test", "--only", "assistant-service")
    assert called.code == 1
    assert "assistant-service: timed out after 20 s, in test_a_hang.py::test_waits_for_ever" in (called.error)
    output = tmp_path / "report"
    reported = here.call("report", "--only", "test", "export", "--path", str(output))
    assert reported.code == 0, reported.error
    assert "## Unit tests: failed" in (output / "test" / "tests.md").read_text()
    assert (output / "test" / "assistant-service" / "output.txt").exists()


def test_a_build_starts_from_what_its_tag_is_now(dagger: Dagger, tmp_path: Path) -> None:
    tag = f"tests/moving:{secrets.token_hex(6)}"
    build = {"context": ".", "args": {"PYTHON_IMAGE": f"{registry()}/{tag}"}}
    source = tmp_path / "project"
    source.mkdir()
    project(source, "COPY Dockerfile /Dockerfile\n", app={"build": build})
    bases = []
    for base in ("library/debian:trixie-slim", "library/python:3.13-slim-trixie"):
        push_base(tag, source=base)
        app = built(dagger, source, tmp_path / "report")["app"]
        assert set(app.files) == {"Dockerfile"}
        bases.append(app.base)
    assert len(bases[0]) == 1
    assert len(bases[1]) == 2
