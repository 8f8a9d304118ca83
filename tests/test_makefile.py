"""Tests that others would disturb run one by one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
# What a call executed depends on what is cached, and others may be the first to build it or remove it.
DISTURBED = re.compile(r"\.executed\(|\"--empty\"")


def disturbed(folder: Path) -> set[str]:
    """Return the files of tests that look at what the engine executes or has cached."""
    files = folder.rglob("test_*.py")
    return {str(file.relative_to(ROOT)) for file in files if DISTURBED.search(file.read_text())}


def recipe() -> list[list[str]]:
    """Return the words of each pytest that `make test` runs."""
    words = ["make", "--dry-run", "--always-make", "test"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    runs = re.split(r"\.venv/bin/pytest ", done.stdout.replace("\\\n", " "))[1:]
    return [run.split("&&")[0].split() for run in runs]


def test_what_others_would_disturb_runs_alone() -> None:
    alone = next(run for run in recipe() if "tests/airgap" in run and "--ignore" not in run)
    assert "-n" not in alone
    found = {
        file for file in disturbed(ROOT / "tests" / "engine") if "mark.long]" not in (ROOT / file).read_text()
    }
    assert found
    # This one keeps its own tests together, and looks at its own stacks alone.
    assert found - set(alone) == {"tests/engine/test_kept_results.py"}
