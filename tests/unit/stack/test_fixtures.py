"""The stacks that the engine's tests start are valid for Compose."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

STACK = Path(__file__).parents[2] / "fixtures" / "stack"
FILES = sorted(str(path.relative_to(STACK)) for path in STACK.glob("*/*/compose.yaml"))


@pytest.mark.parametrize("file", FILES)
def test_compose_accepts_the_file(tmp_path: Path, file: str) -> None:
    compose = shutil.which("docker-compose", path=sysconfig.get_path("scripts"))
    assert compose, "docker-compose is not installed: it comes with the development dependencies"
    project = shutil.copytree((STACK / file).parent, tmp_path / "project", symlinks=True)
    if (project / "dotenv").exists():
        (project / "dotenv").rename(project / ".env")
    values = project / "values.env"
    words = ["--env-file", str(values)] if values.exists() else []
    command = [compose, *words, "--profile", "*", "config", "--quiet"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
