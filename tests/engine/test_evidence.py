"""Evidence in a registry: what one engine proved, an empty one does not run again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from bench.peer import project
from tests.airgap.site import ALL, Site, linked, site
from tests.workflows.runner import ROOT, Run, clean, read

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.long]
LIMIT = 1500  # seconds, for everything on an engine that has nothing
REPOSITORY = "127.0.0.1:5000/team/evidence"
RUN = "https://ci.example.com/runs/1"


@dataclass(frozen=True)
class Report:
    """What a call of `report` returned, and what the engine said of it."""

    evidence: dict[str, Any]
    summary: str
    said: str

    @property
    def made(self) -> set[str]:
        """The claims that were proven by this call itself."""
        return {f"{each['gate']} {each['name']}" for each in self.evidence["claims"] if not each["reused"]}

    @property
    def known(self) -> set[str]:
        """The claims that were known."""
        return {f"{each['gate']} {each['name']}" for each in self.evidence["claims"] if each["reused"]}


def report(place: Site, source: Path, *words: str) -> Report:
    """Run all gates of the source with evidence, with the module that is in it."""
    folder = place.folder / "report"
    shutil.rmtree(folder, ignore_errors=True)
    options = ("--source", str(source), "--cache", REPOSITORY, *words)
    command = (
        "--progress=plain",
        "call",
        "-m",
        str(source),
        *options,
        "report",
        "export",
        "--path",
        str(folder),
    )
    began = time.monotonic()
    with place.start(*place.dagger(*command)) as running:
        _, said = running.communicate(timeout=LIMIT)
        assert running.returncode == 0, said
    sys.stderr.write(f"{source.name}: {time.monotonic() - began:.1f} s\n")
    return Report(
        json.loads((folder / "evidence.json").read_text()), (folder / "summary.md").read_text(), said
    )


def pull_request(place: Site, source: Path, folder: Path) -> Report:
    """Run the workflow of a pull request, from its file, on the site's engine."""
    environment = clean(
        folder, source, repository="team/shop", ref="refs/pull/7/merge", event_name="pull_request"
    )
    environment["_EXPERIMENTAL_DAGGER_RUNNER_HOST"] = f"unix://{place.socket}"
    run = Run(
        read(ROOT / ".github/workflows/pull-request.yml"),
        {"number": 7, "pull_request": {"head": {"repo": {"full_name": "team/shop"}}}},
        folder,
        environment,
        given={"vars": {"CACHE": REPOSITORY}},
        only=("gate", "required"),
        entered=("nsenter", f"--net=/proc/{place.holder}/ns/net"),
    )
    assert run.jobs() == {"gate": "success", "required": "success"}, run.said
    evidence = json.loads((run.artifacts / "report" / "evidence.json").read_text())
    return Report(evidence, run.summary, "\n".join(run.said))


def executed(report: Report, program: str) -> list[str]:
    """Return the lines about containers that run a program."""
    return [line for line in report.said.splitlines() if "withExec" in line and program in line]


def clone(folder: Path, *, changed: str = "") -> Path:
    """Make a checkout, with a commit of its own, in which one file has one line more."""
    project.checkout(folder)
    if changed:
        with (folder / changed).open("a") as file:
            file.write("\n\n# one line more\n")
    git = ("git", "-c", "user.name=test", "-c", "user.email=test@example.com", "-C", str(folder))
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", f"In {folder.name}."], check=True)
    return folder


def emptied(place: Site) -> None:
    """Start the engine again without anything that it had; its registry keeps what it has."""
    assert place.airgap("down").code == 0
    shutil.rmtree(place.state / "engine-root")
    place.up()


def test_an_empty_engine_runs_only_what_has_changed(tmp_path: Path) -> None:
    one, two = clone(tmp_path / "one"), clone(tmp_path / "two")
    three = clone(tmp_path / "three", changed="services/gateway/src/gateway/main.py")
    with site(*ALL) as place, linked(place):
        place.up()
        first = report(place, one, "--cache-write", "--run-url", RUN)
        assert first.known == set()
        emptied(place)
        again = report(place, two)
        emptied(place)
        line = pull_request(place, three, tmp_path / "workflow")
    assert again.made == set()
    assert again.known == first.made
    assert {each["reused"]["run"] for each in again.evidence["claims"]} == {RUN}
    # No step of a gate was executed: not a build, a stack, a test nor a scan.
    for program in ("cached_bake.sh", "stack.sh", "run_tests.py", "trivy_image"):
        assert executed(first, program)
        assert not executed(again, program), program
    others = {"knowledge-service", "agent-service", "research-service", "assistant-service"}
    gates = ("build", "unit", "scan", "posture", "contents")
    assert line.known == {f"{gate} {name}" for gate in gates for name in others}
    assert f"Evidence: {len(line.known)} of {len(line.known | line.made)} results known" in line.summary
    assert f"]({RUN})" in line.summary
    assert {"unit gateway", "scan gateway", "posture gateway", "integration stack"} <= line.made
