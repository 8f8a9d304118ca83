"""Two linters find nothing in the workflows, and find planted errors."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflows.runner import ROOT

ZIZMOR: list[str | Path] = [
    Path(sys.executable).parent / "zizmor",
    *("--offline", "--no-progress", "--persona=pedantic", ".github"),
]
CONCURRENCY = "concurrency:\n  group: ${{ github.workflow }}\n  cancel-in-progress: false\n"


@pytest.fixture(scope="module")
def actionlint() -> Path:
    """The program of the image that `lint` uses."""
    return Path(os.environ["ACTIONLINT"])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the workflows, which tests can break."""
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    return tmp_path


def say(command: list[str | Path], folder: Path) -> str:
    """Return the linter's findings, or ""."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def change(folder: Path, workflow: str, old: str, new: str) -> None:
    path = folder / ".github" / "workflows" / f"{workflow}.yml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_zizmor_finds_nothing() -> None:
    assert say(ZIZMOR, ROOT) == ""


@pytest.mark.parametrize(
    ("workflow", "old", "new", "audit"),
    [
        ("main", "permissions: {}\n", "", "excessive-permissions"),
        ("main", "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "unpinned-uses"),
        ("main", "persist-credentials: false", "clean: true", "artipacked"),
        ("main", CONCURRENCY, "", "concurrency-limits"),
        ("pull-request", "  pull_request:", "  pull_request_target:", "dangerous-triggers"),
        ("release", '"$GITHUB_REF_NAME" --repo', '"${{ github.ref_name }}" --repo', "template-injection"),
    ],
)
def test_zizmor_finds(copy: Path, workflow: str, old: str, new: str, audit: str) -> None:
    change(copy, workflow, old, new)
    assert audit in say(ZIZMOR, copy)


@pytest.mark.engine
def test_actionlint_finds_nothing(actionlint: Path) -> None:
    assert shutil.which("shellcheck"), "`make test` installs it"
    assert say([actionlint, "-pyflakes="], ROOT) == ""


@pytest.mark.engine
def test_the_finding_that_is_ignored_is_still_there(copy: Path, actionlint: Path) -> None:
    (copy / ".github" / "actionlint.yaml").unlink()
    found = say([actionlint, "-pyflakes=", "-oneline"], copy)
    assert len(found.splitlines()) == 1, "remove .github/actionlint.yaml if actionlint knows `queue`"
    assert 'unexpected key "queue"' in found


@pytest.mark.engine
@pytest.mark.parametrize(
    ("workflow", "old", "new", "said"),
    [
        ("pull-request", "needs: gate", "needs: gates", "needs job"),
        ("pull-request", "needs.gate.result", "neds.gate.result", "undefined variable"),
        ("schedule", "17 3 * * *", "17 3 * *", "invalid CRON format"),
        ("main", "runs-on:", "run-on:", "unexpected key"),
        ("release", "id-token: write", "id-token: yes", "permission"),
        ("main", '--address "$REGISTRY"', "--address $REGISTRY", "SC2086"),
    ],
)
def test_actionlint_finds(  # noqa: PLR0913, PLR0917 - a table's columns
    copy: Path, actionlint: Path, workflow: str, old: str, new: str, said: str
) -> None:
    change(copy, workflow, old, new)
    assert said in say([actionlint, "-pyflakes="], copy)
