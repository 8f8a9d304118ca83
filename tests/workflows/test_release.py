"""Play the release workflow for tags of every kind; GitHub, Azure, Sigstore and the gates are stand-ins."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ci.release import facts
from tests.unit.release.test_notes import DIGEST, RELEASE
from tests.workflows.programs import GH, Programs
from tests.workflows.runner import ROOT, Run, read

if TYPE_CHECKING:
    from pathlib import Path

RELEASED = "ghcr.io/team/web"
# What the module returns is made beforehand; the option names where it goes to.
DAGGER = """\
import shutil
shutil.copytree(folder / "released", sys.argv[-1])
"""


@pytest.fixture
def stand_ins(tmp_path: Path) -> Programs:
    (tmp_path / "bin").mkdir()
    made = Programs(tmp_path / "bin")
    made.add("gh", GH)
    made.add("dagger", DAGGER)
    made.add("az")
    made.add("cosign", "sys.exit(0 if len(sys.argv) > 3 else 'nothing to sign')")
    return made


def released(folder: Path, tag: str, *, kept: bool = False) -> None:
    """Write the files that `release` returns for a tag, with `latest` kept by a newer release or not."""
    version = tag.rpartition("/")[2].removeprefix("v")
    images: list[dict[str, Any]] = [{"held": {"latest": "9.9.9"} if kept else {}}]
    files = facts.files(replace(RELEASE, ref=f"refs/tags/{tag}", version=version), images)
    files |= {"release.json": "{}", "release.md": "table\n", "notes.md": "The notes\n"}
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def run_of(stand_ins: Programs, folder: Path, tag: str, **given: Any) -> Run:  # noqa: ANN401 - as in a workflow
    clone = folder / "clone"
    subprocess.run(["git", "init", "--quiet", clone], check=True)
    who = ["-c", "user.name=a", "-c", "user.email=a@example", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", clone, *who, "commit", "-qm", "x", "--allow-empty"], check=True)
    environment = stand_ins.environment(
        repository="team/shop",
        ref=f"refs/tags/{tag}",
        ref_name=tag,
        sha="a" * 40,
        server_url="https://github.com",
        workflow_ref="team/shop/.github/workflows/release.yml@refs/tags/v1",
    )
    workflow = read(ROOT / ".github/workflows/release.yml")
    given = {"vars": {"REGISTRY": "myteam.azurecr.io/shop"}, **given}
    return Run(workflow, {}, folder / "run", {**environment, "CLONE": str(clone)}, given=given)


@pytest.mark.parametrize(
    ("tag", "kept", "options"),
    [
        ("v1.2.3", False, "--title 1.2.3 --prerelease=false --latest=true"),
        ("v1.3.0-rc.1", False, "--title 1.3.0-rc.1 --prerelease=true --latest=false"),
        ("gateway/v1.2.3", False, "--title 'gateway 1.2.3' --prerelease=false --latest=false"),
        ("v1.1.9", True, "--title 1.1.9 --prerelease=false --latest=false"),
    ],
)
def test_only_the_newest_release_of_everything_becomes_latest(
    stand_ins: Programs,
    tmp_path: Path,
    tag: str,
    kept: bool,  # noqa: FBT001 - a table's column
    options: str,
) -> None:
    released(stand_ins.folder / "released", tag, kept=kept)
    run = run_of(stand_ins, tmp_path, tag)
    assert run.jobs() == {"release": "success", "notes": "success"}, run.said
    (created,) = [call for call in stand_ins.calls if call.startswith("gh release create")]
    assert options in created
    files = stand_ins.folder / "releases" / tag.replace("/", "%")
    assert sorted(path.name for path in files.iterdir()) == ["release.json", "text"]


def test_the_images_are_signed_and_attested_by_digest(stand_ins: Programs, tmp_path: Path) -> None:
    released(stand_ins.folder / "released", "v1.2.3")
    run = run_of(stand_ins, tmp_path, "v1.2.3")
    assert run.jobs()["release"] == "success", run.said
    assert f"cosign sign --yes {RELEASED}@{DIGEST}" in stand_ins.calls
    (attested,) = [inputs for action, inputs in run.acted if action == "actions/attest"]
    subjects = run.folder / "release" / attested["subject-checksums"]
    assert subjects.read_text() == f"{DIGEST.removeprefix('sha256:')}  {RELEASED}\n"


def test_a_signature_without_an_image_is_not_green(stand_ins: Programs, tmp_path: Path) -> None:
    released(stand_ins.folder / "released", "v1.2.3")
    (stand_ins.folder / "released" / "references.txt").write_text("")
    assert run_of(stand_ins, tmp_path, "v1.2.3").jobs() == {"release": "failure", "notes": "skipped"}


def test_the_login_is_renewed_between_the_gates_and_the_signature(
    stand_ins: Programs, tmp_path: Path
) -> None:
    released(stand_ins.folder / "released", "v1.2.3")
    run = run_of(stand_ins, tmp_path, "v1.2.3")
    run.jobs()
    programs_called = [call.split()[0] for call in stand_ins.calls]
    published, signed = programs_called.index("dagger"), programs_called.index("cosign")
    assert "az" in programs_called[published:signed]
    steps = run.workflow["jobs"]["release"]["steps"]
    uses = [step.get("uses", "").partition("@")[0] or step["name"] for step in steps]
    assert "azure/login" in uses[uses.index("Release") : uses.index("Sign the images")]


def test_a_login_that_ended_is_red_and_a_second_run_signs(stand_ins: Programs, tmp_path: Path) -> None:
    released(stand_ins.folder / "released", "v1.2.3")
    ended = "sys.exit('AADSTS700024') if '\"dagger\"' in (folder / 'calls').read_text() else None"
    stand_ins.add("az", ended)
    assert run_of(stand_ins, tmp_path / "one", "v1.2.3").jobs()["release"] == "failure"
    assert not any(call.startswith("cosign") for call in stand_ins.calls)
    stand_ins.add("az")
    assert run_of(stand_ins, tmp_path / "two", "v1.2.3").jobs()["notes"] == "success"
    assert any(call.startswith("cosign") for call in stand_ins.calls)


def test_a_release_made_in_the_browser_keeps_its_text_and_gets_the_file(
    stand_ins: Programs, tmp_path: Path
) -> None:
    released(stand_ins.folder / "released", "v1.2.3")
    there = stand_ins.folder / "releases" / "v1.2.3"
    there.mkdir(parents=True)
    (there / "text").write_text("by hand")
    for attempt in ("first", "again"):
        run = run_of(stand_ins, tmp_path / attempt, "v1.2.3")
        assert run.jobs()["notes"] == "success", run.said
    assert (there / "text").read_text() == "by hand"
    assert (there / "release.json").exists()
    assert not any(call.startswith("gh release create") for call in stand_ins.calls)


def test_a_host_that_does_not_answer_is_red(stand_ins: Programs, tmp_path: Path) -> None:
    released(stand_ins.folder / "released", "v1.2.3")
    (stand_ins.folder / "releases" / "v1.2.3").mkdir(parents=True)
    (stand_ins.folder / "offline").touch()
    assert run_of(stand_ins, tmp_path, "v1.2.3").jobs()["notes"] == "failure"


@pytest.mark.parametrize(
    ("inputs", "option"),
    [
        ({}, "--replace-commit-tag=false"),
        ({"replace-commit-tag": False}, "--replace-commit-tag=false"),
        ({"replace-commit-tag": True}, "--replace-commit-tag=true"),
    ],
)
def test_a_release_can_be_run_again_by_hand(
    stand_ins: Programs, tmp_path: Path, inputs: dict[str, bool], option: str
) -> None:
    released(stand_ins.folder / "released", "v1.2.3")
    run = run_of(stand_ins, tmp_path, "v1.2.3", inputs=inputs)
    run.jobs()
    assert set(run.workflow["on"]["workflow_dispatch"]["inputs"]) == {"replace-commit-tag"}
    (called,) = [call for call in stand_ins.calls if call.startswith("dagger")]
    assert option in called
    assert "--ref refs/tags/v1.2.3" in called
