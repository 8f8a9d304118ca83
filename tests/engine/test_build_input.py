"""What a build is given: secrets, a platform; and builds that cannot be."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.client import ROOT, Dagger

if TYPE_CHECKING:
    from pathlib import Path

    from tests.release.registry import Registry

pytestmark = pytest.mark.engine

PYTHON = "ARG PYTHON_IMAGE=python:3.13-slim-trixie\nFROM ${PYTHON_IMAGE}\n"


def project(folder: Path, dockerfile: str, **services: dict[str, Any]) -> list[str]:
    """Write a project and return the words that name it."""
    (folder / "Dockerfile").write_text(PYTHON + dockerfile)
    model = {"services": services, "secrets": {"token": {"environment": "TOKEN"}}}
    (folder / "compose.yaml").write_text(json.dumps(model))
    return ["--source", str(folder)]


LEAKS = {"build": {"context": ".", "secrets": ["token"]}}
LEAK = 'RUN --mount=type=secret,id=token cp /run/secrets/token /leak\nCMD ["sleep", "600"]\n'


def test_a_build_secret_without_a_value_is_named(dagger: Dagger, tmp_path: Path) -> None:
    called = dagger.call(*project(tmp_path, LEAK, web=LEAKS), "build")
    assert called.code == 1
    assert "service 'web': its build secret 'token' comes from TOKEN, which has no value" in called.error
    assert "--build-env" in called.error


def test_a_build_secret_that_gets_into_the_image_is_found_and_not_shown(
    dagger: Dagger, tmp_path: Path
) -> None:
    canary = f"canary-{secrets.token_hex(16)}"
    words = project(tmp_path, LEAK, web=LEAKS)
    (tmp_path / ".dockerignore").write_text("values\n")
    values = tmp_path / "values"
    values.write_text(f"TOKEN={canary}\n")
    called = dagger.call(*words, "--build-env", f"file:{values}", "posture")
    assert called.code == 1
    assert "/leak: the value of token" in called.error
    assert canary not in called.stdout + called.stderr


def test_a_platform_that_the_engine_cannot_run_is_one_error_before_building(
    dagger: Dagger, tmp_path: Path
) -> None:
    words = project(tmp_path, "RUN echo this is built\n", web={"build": {"context": "."}})
    called = dagger.call(*words, "build", "--platform", "linux/s390x")
    assert called.code == 1
    assert "--platform linux/s390x: this engine runs linux/" in called.error
    assert "this is built" not in called.stderr


def test_two_services_that_build_one_image_are_named(dagger: Dagger, tmp_path: Path) -> None:
    both = {"image": "team/web:1", "build": {"context": "."}}
    called = dagger.call(*project(tmp_path, "", a=both, b=both), "build")
    assert called.code == 1
    assert "services 'a' and 'b' both build the image team/web:1" in called.error


def test_builds_in_a_circle_are_named(dagger: Dagger, tmp_path: Path) -> None:
    def waits(other: str) -> dict[str, Any]:
        return {"build": {"context": ".", "additional_contexts": {"other": f"service:{other}"}}}

    called = dagger.call(*project(tmp_path, "", a=waits("b"), b=waits("a")), "build")
    assert called.code == 1
    assert "builds wait for each other through additional_contexts: a -> b -> a" in called.error


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
    assert "assistant-service: not done after 20 s, stopped, in test_a_hang.py::test_waits_for_ever" in (
        called.error
    )
    output = tmp_path / "report"
    reported = here.call("test-report", "--only", "assistant-service", "export", "--path", str(output))
    assert reported.code == 0, reported.error
    assert "## Unit tests: red" in (output / "tests.md").read_text()
    assert (output / "assistant-service" / "output.txt").exists()


def test_a_build_stands_on_what_its_tag_is_now(dagger: Dagger, registry: Registry, tmp_path: Path) -> None:
    tag = f"{registry.host}/base:moving"
    build = {"context": ".", "args": {"PYTHON_IMAGE": tag}}
    words = project(tmp_path, "COPY Dockerfile /Dockerfile\n", app={"build": build})
    bases = []
    for image in ("library/redis:7-alpine", "library/python:3.13-slim-trixie"):
        copy(f"{os.environ.get('CI_REGISTRY', '127.0.0.1:5000')}/{image}", tag)
        called = dagger.call(*words, "build-report", "export", "--path", str(tmp_path / "report"), "--wipe")
        assert called.code == 0, called.error
        app = json.loads((tmp_path / "report" / "build.json").read_text())["images"]["app"]
        assert [layer["base"] for layer in app["layers"]][-2:] == [True, False]
        assert len(app["contents"]) == 1
        bases.append([layer["digest"] for layer in app["layers"] if layer["base"]])
    assert bases[0] != bases[1]


def copy(source: str, target: str) -> None:
    """Copy an image between registries of this machine."""
    command = [os.environ["REGCTL"]]
    for reference in (source, target):
        command += ["--host", f"reg={reference.partition('/')[0]},tls=disabled"]
    subprocess.run([*command, "image", "copy", source, target], check=True, capture_output=True)
