"""Compose itself, as the module calls it, without an engine."""

from __future__ import annotations

import json
import shutil
import sysconfig
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ci.container_scripts import compose_config
from ci.project import model
from ci.sandbox.place import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

# What Compose asks of Buildx where it only prints a Bake file: its version.
BUILDX = """#!/bin/sh
echo '{"SchemaVersion": "0.1.0", "Vendor": "Docker Inc.", "Version": "v0.35.0"}'
"""
FIXTURES = Path(__file__).parents[2] / "fixtures" / "compose"


def binary() -> str:
    """Return the Compose binary's path."""
    found = shutil.which("docker-compose", path=sysconfig.get_path("scripts"))
    assert found, "docker-compose is not installed: it comes with the development dependencies"
    return found


def project(source: Path, folder: str = ".", **request: Any) -> model.ComposeModel:  # noqa: ANN401 - see compose_config
    """Read the project in a folder as `dagger call services` does; Compose's refusal is raised."""
    return model.read(json.dumps(outcome(source, folder, **request)), folder)


def outcome(
    source: Path,
    folder: str = ".",
    values: str | None = None,
    **request: Any,  # noqa: ANN401 - as above
) -> dict[str, Any]:
    """Return what Compose makes of the project and an env file of `values`, with /project for its folder."""
    with tempfile.TemporaryDirectory() as temporary:
        output, env_file = Path(temporary, "outcome.json"), Path(temporary, "values")
        words = [binary(), str((source / folder).resolve()), str(output), json.dumps(request)]
        if values is not None:
            env_file.write_text(values)
            words.append(str(env_file))
        compose_config.main(*words)
        found: dict[str, Any] = json.loads(output.read_text().replace(str(source.resolve()), PROJECT))
        return found


@contextmanager
def buildx() -> Iterator[None]:
    """Let Compose find a Buildx that has nothing but a version."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        plugin = Path(folder, "cli-plugins", "docker-buildx")
        plugin.parent.mkdir()
        plugin.write_text(BUILDX)
        plugin.chmod(0o755)
        patch.setenv("DOCKER_CONFIG", folder)
        yield


def project_with_builds(source: Path, **request: Any) -> model.ComposeModel:  # noqa: ANN401 - as above
    """Read the project in a folder with the Bake file that Compose writes of its builds."""
    with buildx():
        return project(source, bake=True, **request)


def schema() -> dict[str, Any]:
    """Return the Compose specification's schema: the Compose binary carries it."""
    data = Path(binary()).read_bytes()
    found = data.index(b'"$id": "compose_spec.json"')
    start = data.rindex(b'{\n  "$schema"', 0, found)
    read, _ = json.JSONDecoder().raw_decode(data[start : start + (1 << 20)].decode(errors="ignore"))
    assert isinstance(read, dict)
    return read
