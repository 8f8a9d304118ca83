"""Compose itself, as the module calls it, without an engine."""

from __future__ import annotations

import json
import shutil
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from ci.compose import model
from ci.inside import compose_config

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


def schema() -> dict[str, Any]:
    """Return the Compose specification's schema: the Compose binary carries it."""
    data = Path(binary()).read_bytes()
    found = data.index(b'"$id": "compose_spec.json"')
    start = data.rindex(b'{\n  "$schema"', 0, found)
    read, _ = json.JSONDecoder().raw_decode(data[start : start + (1 << 20)].decode(errors="ignore"))
    assert isinstance(read, dict)
    return read
