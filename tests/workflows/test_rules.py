"""Rules of our workflows that linters do not check."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from ci import tools
from tests.workflows.runner import INSTALL, ROOT, WORKFLOWS, Node, Run, read, scripts

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.yml"))
PULL_REQUEST = ROOT / ".github" / "workflows" / "pull-request.yml"
WRITES = {"id-token", "attestations", "contents", "packages"}


def test_there_are_workflows_and_examples() -> None:
    assert [path.stem for path in WORKFLOWS] == ["main", "own-tests", "pull-request", "release", "schedule"]
    assert [path.stem for path in EXAMPLES] == ["azure-pipelines", "gitlab-ci"]


def unsafe(workflow: Node, text: str) -> list[str]:
    """Return everything that would give a fork's code too many permissions."""
    found = [f"secrets are named: {line.strip()}" for line in text.splitlines() if "secrets." in line]
    found += [f"runs on {name}" for name in workflow["on"] if name in {"pull_request_target", "workflow_run"}]
    for name, job in workflow["jobs"].items():
        writes = [key for key, value in job.get("permissions", {}).items() if value == "write"]
        if any("uses" in step and "checkout" in step["uses"] for step in job["steps"]) and writes:
            found.append(f"{name} checks out the code and may write {writes}")
        found += [f"{name} may write {key}" for key in WRITES & set(writes)]
    return found


def test_a_fork_gets_no_secret_and_may_write_nowhere() -> None:
    assert unsafe(read(PULL_REQUEST), PULL_REQUEST.read_text()) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  pull_request:\n", "  pull_request_target:\n", "runs on pull_request_target"),
        ("contents: read", "contents: write", "gate may write contents"),
        ("contents: read", "security-events: write", "gate checks out the code and may write"),
        ("run: dagger call lint", "run: dagger call lint # ${{ secrets.TOKEN }}", "secrets are named"),
    ],
)
def test_what_is_unsafe_for_a_fork_is_found(old: str, new: str, said: str) -> None:
    text = PULL_REQUEST.read_text()
    assert old in text
    changed = text.replace(old, new)
    parsed = yaml.load(changed, Loader=yaml.BaseLoader)  # noqa: S506 - it makes only text
    assert any(finding.startswith(said) for finding in unsafe(parsed, changed))


@pytest.mark.parametrize("result", ["success", "failure", "cancelled", "skipped"])
def test_the_required_job_passes_only_when_the_gate_did(result: str, tmp_path: Path) -> None:
    workflow = read(PULL_REQUEST)
    required = workflow["jobs"]["required"]
    assert set(required["needs"]) == set(workflow["jobs"]) - {"required", "alerts"}
    assert {"pull_request", "merge_group"} <= set(workflow["on"])
    environment = {"PATH": "/usr/bin:/bin", "GITHUB_REPOSITORY": "team/x"}
    run = Run({"jobs": {}}, {}, tmp_path, environment, results={"gate": result})
    run.workflow["jobs"]["required"] = required
    expected = "success" if result == "success" else "failure"
    assert run.jobs()["required"] == expected


def test_who_may_sign_or_log_in_waits_behind_an_environment() -> None:
    found = {}
    for path in WORKFLOWS:
        for name, job in read(path)["jobs"].items():
            if "id-token" in job.get("permissions", {}):
                found[path.stem, name] = job.get("environment")
    assert found == {("main", "publish"): "main", ("release", "release"): "release"}


def test_the_command_is_of_the_version_of_the_engine() -> None:
    version = json.loads((ROOT / "dagger.json").read_text())["engineVersion"]
    script = (ROOT / INSTALL).read_text()
    assert f"version={version}\n" in script
    checksum = re.search(r"sum=([0-9a-f]{64}) ", script)
    assert checksum
    for path in EXAMPLES:
        assert version in path.read_text()
        assert checksum[1] in path.read_text()


def test_the_own_tests_are_targets_of_the_makefile() -> None:
    (script,) = scripts(read(ROOT / ".github" / "workflows" / "own-tests.yml"))
    make, *targets = script.split()
    there = re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text())
    assert make == "make"
    assert set(targets) == {"lint", "test-unit"} & set(there)


def test_cosign_is_of_the_version_that_the_module_has() -> None:
    release = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert f"cosign-release: {tools.COSIGN.partition(':')[2].partition('@')[0]}\n" in release


@pytest.mark.parametrize("path", [*WORKFLOWS, *EXAMPLES], ids=lambda path: path.name)
def test_a_step_calls_dagger_once_and_nothing_is_piped_into_a_shell(path: Path) -> None:
    for script in scripts(read(path)):
        assert script.count("dagger call") <= 1
        assert not re.search(r"(curl|wget)[^\n]*\|\s*(ba)?sh", script)


# What only something that decides needs; a workflow's own conditions are checked by actionlint.
DECIDES = re.compile(
    r"(?m)\b(if|for|while|until|case|test|jq|grep|awk|describe|python3?)\b|&&|\|\||\[\[?\s|%%"
)


@pytest.mark.parametrize("path", [*WORKFLOWS, *EXAMPLES], ids=lambda path: path.stem)
def test_a_shell_step_decides_nothing(path: Path) -> None:
    steps = [script for script in scripts(read(path)) if not script.startswith("make ")]
    assert {script: found[0] for script in steps if (found := DECIDES.search(script))} == {}


@pytest.mark.parametrize(
    "script",
    [
        'if gh release view "$TAG"; then echo; fi',
        "for image in $(list); do pull; done",
        "jq --raw-output .images release.json",
        "view || create",
        '[ "$result" = success ]',
        "git switch $(git describe --tags)",
    ],
)
def test_a_shell_that_decides_is_found(script: str) -> None:
    assert DECIDES.search(script)


def test_a_download_that_is_not_what_was_pinned_is_not_installed(tmp_path: Path) -> None:
    fetched = tmp_path / "curl"
    fetched.write_text(
        '#!/bin/sh\nfor word; do [ "$last" = --output ] && echo other > "$word"; last=$word; done\n'
    )
    fetched.chmod(0o755)
    target = tmp_path / "target"
    target.mkdir()
    done = subprocess.run(
        [ROOT / INSTALL, target],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "FAILED" in done.stdout
    assert list(target.iterdir()) == []
