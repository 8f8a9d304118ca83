"""Fixtures for the observability tests."""

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest

from tests.observability import exported, rules
from tests.observability.promql import Labels

Promtool = Callable[..., str]


@pytest.fixture(scope="session")
def known() -> dict[str, Labels]:
    """Return all possible series with their labels: exported, recorded, and those of alerts."""
    return rules.with_recorded(exported.metrics())


@pytest.fixture(scope="session")
def promtool() -> Promtool:
    """Return a function that runs promtool, fails with its output if it fails, and returns its output."""
    program = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if program is None:
        missing = "promtool is not installed: install the package prometheus, or set PROMTOOL to its path"
        pytest.fail(missing, pytrace=False)

    def run(*arguments: str, text: str | None = None) -> str:
        done = subprocess.run([program, *arguments], input=text, capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        if done.returncode:
            failed = f"promtool {' '.join(arguments)} (exit code {done.returncode}):\n{output}"
            pytest.fail(failed, pytrace=False)
        return output

    return run
