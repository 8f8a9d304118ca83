from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ci.container_scripts import run_tests

if TYPE_CHECKING:
    from pathlib import Path


def run(folder: Path, code: str, seconds: str = "30") -> dict[str, Any]:
    run_tests.main([seconds, str(folder), "--", sys.executable, "-c", code])
    outcome: dict[str, Any] = json.loads((folder / "outcome.json").read_text())
    return outcome


def test_a_plain_exit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run(tmp_path, "print('said'); raise SystemExit(3)")
    assert (outcome["exit_code"], outcome["signal"], outcome["late"]) == (3, "", False)
    assert (tmp_path / "output.txt").read_text() == "said\n"
    assert capsys.readouterr().out == "said\n"


def test_a_signal_is_named_and_its_output_kept(tmp_path: Path) -> None:
    code = "import os; print('before', flush=True); os.kill(os.getpid(), 9)"
    outcome = run(tmp_path, code)
    assert (outcome["exit_code"], outcome["signal"]) == (137, "SIGKILL")
    assert (tmp_path / "output.txt").read_text() == "before\n"


def test_what_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    outcome = run(tmp_path, code, "0.5")
    assert outcome["late"]
    assert outcome["seconds"] < 30


def test_wrong_use_prints_the_usage(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"run_tests\.py SECONDS"):
        run_tests.main(["1", str(tmp_path), "no-separator", "x"])
