"""Play the nightly workflow: what is released is scanned, and a night that checks nothing is red."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from ci.release import current
from ci.release.current import Current
from tests.workflows.programs import Programs
from tests.workflows.runner import ROOT, Run, clean, read

if TYPE_CHECKING:
    from pathlib import Path

SCHEDULE = ROOT / ".github/workflows/schedule.yml"
WHO = ["-c", "user.name=a", "-c", "user.email=a@example", "-c", "commit.gpgsign=false"]
RELEASES = [Current("v1.2.3", "1.2.3"), Current("gateway/v2.0.0", "2.0.0", "gateway")]
# Print the releases, or fail; write the report.
DAGGER = """\
words = sys.argv[1:]
if "releases" in words:
    if (folder / "none").exists():
        sys.exit("nothing is released")
    print((folder / "releases").read_text())
if "export" in words:
    Path("report").mkdir()
    Path("report/summary.md").write_text("scanned " + Path("name").read_text())
if "scan" in words and "--only" in words and (folder / "finding").exists():
    sys.exit("a finding")
"""


@pytest.fixture
def stand_ins(tmp_path: Path) -> Programs:
    (tmp_path / "bin").mkdir()
    made = Programs(tmp_path / "bin")
    made.add("dagger", DAGGER)
    (made.folder / "releases").write_text(current.render(RELEASES, "json"))
    return made


def run_of(stand_ins: Programs, folder: Path) -> Run:
    """Run the jobs about releases in a repository with a commit for each release, and one after them."""
    clone = folder / "clone"
    subprocess.run(["git", "init", "--quiet", clone], check=True)
    for tag in (*(each.tag for each in RELEASES), "main"):
        (clone / "name").write_text(tag)
        subprocess.run(["git", "-C", clone, "add", "."], check=True)
        subprocess.run(["git", "-C", clone, *WHO, "commit", "-qm", tag], check=True)
        subprocess.run(["git", "-C", clone, "tag", tag], check=True)
    environment = {**stand_ins.environment(repository="team/shop"), "CLONE": str(clone)}
    return Run(read(SCHEDULE), {}, folder / "run", environment, only=("current", "released"))


def test_each_release_is_scanned_in_its_own_source(stand_ins: Programs, tmp_path: Path) -> None:
    run = run_of(stand_ins, tmp_path)
    assert run.jobs() == {"current": "success", "released": "success"}, run.said
    assert run.summary == "scanned v1.2.3scanned gateway/v2.0.0"
    scans = [shlex.split(call) for call in stand_ins.calls if "call scan" in call]
    assert [words[words.index("--only") + 1] for words in scans] == ["", "gateway"]


def test_a_finding_is_red_and_reported(stand_ins: Programs, tmp_path: Path) -> None:
    (stand_ins.folder / "finding").touch()
    run = run_of(stand_ins, tmp_path)
    assert run.jobs()["released"] == "failure"
    assert "scanned v1.2.3" in run.summary


def test_a_repository_without_a_release_is_red(stand_ins: Programs, tmp_path: Path) -> None:
    (stand_ins.folder / "none").touch()
    assert run_of(stand_ins, tmp_path).jobs() == {"current": "failure", "released": "skipped"}


def test_a_tag_that_is_gone_is_red(stand_ins: Programs, tmp_path: Path) -> None:
    gone = [Current("v7.0.0", "7.0.0")]
    (stand_ins.folder / "releases").write_text(current.render(gone, "json"))
    assert run_of(stand_ins, tmp_path).jobs()["released"] == "failure"


@pytest.mark.engine
def test_the_module_lists_the_releases_of_a_clone(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    for tag in ("v0.9.0", "v0.10.0-rc.1", "gateway/v1.0.0", "gateway/v0.1.0"):
        subprocess.run(["git", "-C", clone, "tag", tag], check=True)
    environment = clean(tmp_path, clone, repository="team/containerise")
    run = Run(read(SCHEDULE), {}, tmp_path / "run", environment, only=("current",))
    assert run.jobs() == {"current": "success"}, run.said
    expected = [Current("v0.9.0", "0.9.0"), Current("gateway/v1.0.0", "1.0.0", "gateway")]
    assert run.outputs["current"] == {"releases": current.render(expected, "json")}
