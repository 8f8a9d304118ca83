"""Run the workflow of a pull request: its scripts in a clean environment, on the real engine."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.report.folders import Report
from tests.workflows.runner import ROOT, Run, clean, read

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.long]
OWN = "team/containerise"
GIT = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org"]


def run_of(folder: Path, *, head: str, clone: Path = ROOT, cached: Path | None = None) -> Run:
    event: dict[str, Any] = {"number": 7, "pull_request": {"head": {"repo": {"full_name": head}}}}
    environment = clean(
        folder, clone, repository=OWN, ref="refs/pull/7/merge", event_name="pull_request", actions="true"
    )
    return Run(read(ROOT / ".github/workflows/pull-request.yml"), event, folder, environment, cached=cached)


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("passed")
    earlier = folder / "earlier"
    Report(services=("gateway",)).write(earlier)
    run = run_of(folder, head=OWN, cached=earlier)
    run.jobs()
    return run


def test_a_pull_request_of_the_repository_passes_and_its_findings_become_alerts(passed: Run) -> None:
    assert passed.results == {"gate": "success", "alerts": "success", "required": "success"}, passed.said
    assert passed.summary.startswith("# Gate: passed\n")
    gateway = next(line for line in passed.summary.splitlines() if line.startswith("| gateway |"))
    assert " kB | " in gateway, "its size is compared with main's"
    assert "| agent-service | sha256:" in passed.summary
    categories = [run["automationDetails"]["id"] for path in passed.uploaded for run in sarif(path)]
    assert "trivy/gateway/" in categories
    assert len(set(categories)) == len(categories), "GitHub refuses two runs of one category"


def sarif(path: Path) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads(path.read_text())["runs"]
    return runs


def test_a_pull_request_that_breaks_the_project_is_red_and_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "fork"
    subprocess.run(["git", "clone", "--quiet", ROOT, broken], check=True)
    compose = broken / "compose.yaml"
    compose.write_text(compose.read_text() + "\nnonsense: true\n")
    subprocess.run([*GIT, "commit", "-qam", "Break it"], cwd=broken, check=True)

    run = run_of(tmp_path / "run", head="someone/containerise", clone=broken)

    assert run.jobs() == {"gate": "failure", "alerts": "skipped", "required": "failure"}
    assert "nonsense" in run.said[0]
    assert "::error::a required job ended as failure" in run.said[-1]
