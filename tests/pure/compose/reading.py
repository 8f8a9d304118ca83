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

from ci.compose import model
from ci.container_scripts import compose_config

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


def project(source: Path, folder: str = ".", **request: Any) -> model.Project:  # noqa: ANN401 - see compose_config
    """Read the project in a folder as `dagger call services` does; Compose's refusal is raised."""
    with tempfile.NamedTemporaryFile() as output:
        compose_config.main(binary(), str((source / folder).resolve()), output.name, json.dumps(request))
        return model.read(Path(output.name).read_text(), folder)


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


def project_with_builds(source: Path, **request: Any) -> model.Project:  # noqa: ANN401 - as above
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
