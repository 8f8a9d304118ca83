"""`dagger check` runs every gate, and fails if one fails."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.engine.client import ROOT, Dagger

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.docker_path]

GATES = {"ci:lint", "ci:posture", "ci:scan", "ci:test", "ci:test-integration"}


def test_every_gate_is_a_check(dagger: Dagger) -> None:
    listed = dagger.run("check", "-l")
    assert listed.code == 0, listed.stderr
    assert {line.split()[0] for line in listed.stdout.splitlines() if line.startswith("ci:")} == GATES


def test_a_green_check_passes(dagger: Dagger) -> None:
    checked = dagger.run("check", "posture")
    assert checked.code == 0, checked.error


def test_the_scan_s_check_finds_its_database_in_a_closed_network_too(dagger: Dagger) -> None:
    checked = dagger.run("check", "scan")
    assert checked.code == 0, checked.error


def test_a_red_check_fails_and_says_why(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in tracked.stdout.splitlines():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    (copy / "compose.yaml").write_text("services: {web: {imag: x}}")
    subprocess.run(["git", "init", "--quiet", "."], cwd=copy, check=True)
    checked = Dagger(copy).run("check", "posture")
    assert checked.code == 1
    assert "Code: compose.invalid" in checked.error
    assert "Traceback" not in checked.error
