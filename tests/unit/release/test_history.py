"""Ancestry and the base of notes, on a real repository that git_log.sh has read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ci.release import history
from ci.release.history import Commit, History

SCRIPT = Path(__file__).parents[3] / "ci/src/ci/container_scripts/git_log.sh"


class Repository:
    """A repository whose commits and tags a test makes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch", "main", str(folder))

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@example", "-c", "tag.gpgsign=false")
        command = ["git", "-C", str(self.folder), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, message: str = "Change it", *tags: str) -> str:
        words = ("commit", "--quiet", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim")
        self.git(*words, "-m", message)
        for tag in tags:
            self.git("tag", tag)
        return self.git("rev-parse", "HEAD")

    def read(self) -> History:
        output = self.folder / "read"
        subprocess.run(["sh", SCRIPT, self.folder / ".git", output], check=True)
        texts = [(output / name).read_text() for name in ("log", "tags")]
        return history.read(*texts, shallow=(output / "shallow").exists())


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "clone").mkdir()
    return Repository(tmp_path / "clone")


def test_one_commit_comes_after_another_by_ancestry_alone(repository: Repository) -> None:
    first, second = repository.commit(), repository.commit()
    repository.git("checkout", "--quiet", "-b", "side", first)
    side = repository.commit("On the side")
    found = repository.read()
    assert found.is_later(second, first) is True
    assert found.is_later(first, second) is False
    assert found.is_later(first, first) is False
    assert found.is_later(side, second) is None
    assert found.is_later("f" * 40, second) is None


def subjects(found: History, tag: str) -> list[str]:
    return [commit.subject for commit in found.since(found.base(tag), tag)]


def test_a_release_s_notes_begin_at_the_last_release_and_a_candidate_s_at_the_last_candidate(
    repository: Repository,
) -> None:
    repository.commit("one", "v1.2.3")
    repository.commit("two", "v1.3.0-rc.1")
    repository.commit("three", "v1.3.0-rc.2")
    repository.commit("four", "v1.3.0")
    found = repository.read()
    assert [found.base(tag) for tag in ("v1.3.0-rc.1", "v1.3.0-rc.2", "v1.3.0")] == [
        "v1.2.3",
        "v1.3.0-rc.1",
        "v1.2.3",
    ]
    assert subjects(found, "v1.3.0-rc.2") == ["three"]
    assert subjects(found, "v1.3.0") == ["four", "three", "two"]


def test_candidates_are_ordered_by_number(repository: Repository) -> None:
    for number in (2, 9, 10):
        repository.commit(f"rc {number}", f"v1.0.0-rc.{number}")
    repository.commit("last", "v1.0.0-rc.11")
    assert repository.read().base("v1.0.0-rc.11") == "v1.0.0-rc.10"


def test_a_patch_of_an_older_line_begins_in_its_own_branch(repository: Repository) -> None:
    old = repository.commit("one", "v1.1.8")
    repository.commit("two", "v1.2.0")
    repository.git("checkout", "--quiet", "-b", "release/1.1", old)
    repository.commit("fix", "v1.1.9")
    found = repository.read()
    assert found.base("v1.1.9") == "v1.1.8"
    assert subjects(found, "v1.1.9") == ["fix"]


def test_a_service_begins_at_its_own_release_or_else_at_that_of_all(repository: Repository) -> None:
    repository.commit("one", "v1.0.0")
    repository.commit("two", "gateway/v0.1.0", "agent/v9.0.0")
    repository.commit("three", "gateway/v0.2.0", "web/v0.0.1")
    found = repository.read()
    assert found.base("gateway/v0.2.0") == "gateway/v0.1.0"
    assert found.base("web/v0.0.1") == "v1.0.0"
    assert found.base("v1.0.0") == ""


def test_an_annotated_tag_is_on_its_commit(repository: Repository) -> None:
    repository.commit("one")
    repository.git("tag", "-a", "v1.0.0", "-m", "first")
    repository.commit("two", "v1.0.1")
    assert subjects(repository.read(), "v1.0.1") == ["two"]


@pytest.mark.parametrize(
    "message", ["", "\r", "a\rb", "a\x0bb\x0cc", "a\x1cb", "a\u2028b\u2029c", "a\x85b", "  a", "x" * 100_000]
)
def test_any_subject_is_read(message: str, repository: Repository) -> None:
    repository.commit("one", "v1.0.0")
    repository.commit(message, "v1.0.1")
    found = repository.read()
    assert len(found.since("v1.0.0", "v1.0.1")) == 1


def test_merges_are_left_out(repository: Repository) -> None:
    first = repository.commit("one", "v1.0.0")
    repository.git("checkout", "--quiet", "-b", "side", first)
    repository.commit("side")
    repository.git("checkout", "--quiet", "main")
    repository.commit("main")
    repository.git("merge", "--quiet", "--no-edit", "side")
    repository.git("tag", "v1.1.0")
    assert sorted(subjects(repository.read(), "v1.1.0")) == ["main", "side"]


def test_a_shallow_clone_is_known_to_be_one(repository: Repository, tmp_path: Path) -> None:
    for number in range(3):
        repository.commit(str(number), f"v1.0.{number}")
    clone = tmp_path / "shallow"
    source = f"file://{repository.folder}"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", source, str(clone)], check=True)
    shallow = Repository.__new__(Repository)
    shallow.folder = clone
    found = shallow.read()
    assert found.shallow
    assert len(found.commits) == 1


def test_ids_of_sha256_are_read() -> None:
    one, two = "a" * 64, "b" * 64
    found = history.read(f"{two}\n{one}\nSecond\0{one}\n\nFirst\0", f"refs/tags/v1.0.0 {two} \n")
    assert found.commits[two] == Commit(two, (one,), "Second")
    assert found.tags == {"v1.0.0": two}


def test_a_repository_that_is_none_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(["sh", SCRIPT, tmp_path, tmp_path / "out"], check=False, capture_output=True)
    assert done.returncode == 3
