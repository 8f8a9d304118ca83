"""The tutorial, exactly as written, in a fresh clone."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import DOCS, ROOT, shown
from tests.engine.client import LIMIT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.long]

STAYS_IN_FRONT = "stack ports up"
REGISTRY = "127.0.0.1:5000"


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )


def while_it_runs(command: str, other: str, folder: Path) -> None:
    """Run a command in the foreground, retry another until it succeeds, then press Ctrl-C."""
    with subprocess.Popen(
        command.split(),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + LIMIT
        done = False
        while not done and time.monotonic() < deadline and process.poll() is None:
            done = run(other, folder).returncode == 0
            time.sleep(0.2)  # between two tries
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert done


def tags(repository: str) -> int:
    """Return the status that the registry gives for a repository's tags."""
    registry = os.environ.get("CI_REGISTRY", REGISTRY)
    try:
        with urllib.request.urlopen(f"http://{registry}/v2/{repository}/tags/list", timeout=10) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    folder = tmp_path / "containerise"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    own = f"tutorial-{secrets.token_hex(4)}"
    page = (DOCS / "tutorial.md").read_text().replace(f"{REGISTRY}/tutorial", f"{REGISTRY}/{own}")
    steps = shown(page.replace(REGISTRY, os.environ.get("CI_REGISTRY", REGISTRY)))
    assert steps.pop(0).startswith("eval ")  # who runs the tests has an engine
    vulnerable, fronted, published = False, "", 0
    for step in steps:
        if STAYS_IN_FRONT in step:
            fronted = step
        elif fronted:
            while_it_runs(fronted, step, folder)
            fronted = ""
        else:
            done = run(step, folder)
            vulnerable = "2022.12.7" in step or (vulnerable and "certifi==" not in step)
            gated = " scan" in step or " publish" in step
            assert (done.returncode == 0) != (gated and vulnerable), f"{step}\n{done.stderr}"
            if gated and vulnerable:
                assert "scan: the gate fails for shop" in done.stderr
                assert "CVE-2023-37920" in done.stderr
            if " publish" in step:
                published += 1
                assert tags(f"{own}/shop") == (404 if vulnerable else 200)
    assert published == 2
