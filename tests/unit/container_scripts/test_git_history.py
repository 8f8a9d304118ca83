"""What is taken out of a repository's history, with real repositories, and what is said of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ci.container_scripts import git_history
from ci.scan import history

PROGRAM = Path(git_history.__file__)
SCRIPT = PROGRAM.with_suffix(".sh")
KEY = "a secret, for this test: first line\nand a second\n"


class Repository:
    """A repository with a work tree, made as a user makes one."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main", *options)

    def git(self, *words: str) -> str:
        settings = ["-c", "user.name=x", "-c", "user.email=x@x", "-c", "protocol.file.allow=always"]
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        command = ["git", *settings, *words]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, **files: str | bytes | None) -> str:
        """Write files (`None` removes one; `__` in a name is `/`) and return the commit's id."""
        for name, content in files.items():
            path = self.folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=x")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def read(given: Path, raw: Path, limit: int = 1000) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(SCRIPT), str(given), str(raw), str(limit)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def packed(repository: Repository, *skipped: str, git: str = ".git") -> tuple[dict[str, str], Any]:
    """Return the texts by COMMIT/PATH, and what is said of them."""
    work = repository.folder.parent
    done = read(repository.folder / git, work / "raw")
    assert done.returncode == 0, done.stderr
    arguments = [work / "raw", repository.folder, work / "out", 1000, *skipped]
    subprocess.run([sys.executable, PROGRAM, "pack", *map(str, arguments)], check=True, timeout=60)
    texts = {}
    with tarfile.open(work / "out" / "history.tar") as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content
            texts[member.name.partition("-")[2]] = content.read().decode()
    return texts, json.loads((work / "out" / "about.json").read_text())


def test_what_was_removed_is_there_with_its_commit_and_what_is_there_now_is_not(
    repository: Repository,
) -> None:
    planted = repository.commit(deploy__key=KEY, kept="stays\n")
    repository.commit(deploy__key=None)
    texts, about = packed(repository)
    assert texts == {f"{planted}/deploy/key": KEY}
    assert (about["commits"], about["texts"], about["shallow"]) == (2, 1, False)


def test_each_text_is_there_once_where_it_first_was(repository: Repository) -> None:
    planted = repository.commit(a=KEY)
    repository.commit(a=None, b=KEY)
    repository.commit(b="now\n")
    repository.commit(b=KEY, c="x\n")
    repository.commit(b="now\n")
    texts, _ = packed(repository)
    assert {name for name, text in texts.items() if text == KEY} == {f"{planted}/a"}


def test_branches_tags_and_merges_are_looked_at(repository: Repository) -> None:
    repository.commit(a="1\n")
    repository.git("switch", "--quiet", "--create", "side")
    side = repository.commit(side=KEY)
    repository.git("switch", "--quiet", "main")
    repository.commit(a="2\n")
    repository.git("merge", "--quiet", "--no-commit", "side")
    merge = repository.commit(a="only in the merge\n", side=None)
    repository.git("switch", "--quiet", "--detach")
    tagged = repository.commit(t="under a tag only\n")
    repository.git("tag", "v1")
    repository.git("switch", "--quiet", "main")
    repository.commit(a="3\n")
    texts, _ = packed(repository)
    assert texts[f"{side}/side"] == KEY
    assert texts[f"{merge}/a"] == "only in the merge\n"
    assert texts[f"{tagged}/t"] == "under a tag only\n"


def test_packed_objects_and_refs_are_read(repository: Repository) -> None:
    planted = repository.commit(key=KEY)
    repository.commit(key=None, a="x\n")
    repository.git("gc", "--quiet")
    assert packed(repository)[0] == {f"{planted}/key": KEY}


def test_names_with_special_characters_are_kept(repository: Repository) -> None:
    name = 'a "quoted"\tname ü\\.txt'
    planted = repository.commit(**{name: KEY})
    repository.commit(**{name: None})
    assert packed(repository)[0] == {f"{planted}/{name}": KEY}


def test_large_and_binary_files_are_passed_over_and_the_large_are_counted(repository: Repository) -> None:
    repository.commit(big="x" * 1001, small="x" * 1000, image=b"\x89PNG\0" + KEY.encode())
    repository.commit(big=None, small=None, image=None, a="x\n")
    texts, about = packed(repository)
    assert [name.rpartition("/")[2] for name in texts] == ["small"]
    assert about["large"] == 1


def test_skipped_folders_are_left_out_of_the_history_too(repository: Repository) -> None:
    repository.commit(tests__fixtures__key=KEY, tests__key="another\n")
    moved = repository.commit(tests__fixtures__key=None, tests__key=None, key=KEY)
    repository.commit(key=None, a="x\n")
    texts, _ = packed(repository, "tests/fixtures")
    assert {name.partition("/")[2] for name in texts} == {"key", "tests/key"}
    assert f"{moved}/key" in texts


def test_a_submodule_is_no_text(repository: Repository) -> None:
    repository.commit(a="x\n")
    head = repository.git("rev-parse", "HEAD")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    repository.git("commit", "--quiet", "--message=x")
    texts, about = packed(repository)
    assert (texts, about["missing"]) == ({}, 0)


def test_a_repository_with_longer_ids_is_read(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", "--object-format=sha256")
    planted = repository.commit(key=KEY, kept="stays\n")
    repository.commit(key=None)
    assert len(planted) == 64
    assert packed(repository)[0] == {f"{planted}/key": KEY}


def test_a_shallow_clone_is_said_to_be_one(repository: Repository, tmp_path: Path) -> None:
    repository.commit(key=KEY)
    repository.commit(key=None, a="1\n")
    repository.commit(a="2\n")
    repository.git("clone", "--quiet", "--depth=2", f"file://{repository.folder}", "../clone")
    clone = Repository.__new__(Repository)
    clone.folder = tmp_path / "clone"
    texts, about = packed(clone)
    assert (about["commits"], about["shallow"]) == (2, True)
    assert list(texts.values()) == ["1\n"]


def test_a_clone_without_file_contents_is_said_to_lack_them(repository: Repository, tmp_path: Path) -> None:
    repository.commit(key=KEY)
    repository.commit(key=None, a="1\n")
    repository.git("config", "uploadpack.allowFilter", "true")
    repository.git(
        "clone", "--quiet", "--bare", "--filter=blob:none", f"file://{repository.folder}", "../clone"
    )
    clone = Repository.__new__(Repository)
    clone.folder = tmp_path / "clone"
    texts, about = packed(clone, git=".")
    assert (texts, about["missing"]) == ({}, 2)


def test_settings_and_hooks_of_the_repository_run_nothing(repository: Repository) -> None:
    repository.commit(a="1\n")
    mark = repository.folder.parent / "ran"
    program = repository.folder.parent / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    for setting in ("core.fsmonitor", "core.pager", "gpg.program", "diff.external", "core.sshCommand"):
        repository.git("config", setting, str(program))
    repository.git("config", "log.showSignature", "true")
    assert packed(repository)[1]["commits"] == 1
    assert not mark.exists()
    repository.git("show", "--ext-diff")
    assert mark.exists(), "Git itself runs the program"


def test_a_replaced_commit_hides_nothing(repository: Repository) -> None:
    planted = repository.commit(key=KEY)
    clean = repository.commit(key=None, a="1\n")
    repository.git("replace", planted, clean, "--force")
    assert f"{planted}/key" in packed(repository)[0]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "it has no HEAD and no objects"),
        ({"HEAD": "ref: refs/heads/main\n"}, "it has no HEAD and no objects"),
        ({"HEAD": "ref: refs/heads/.invalid\n", "objects/x": "", "reftable/tables.list": ""}, "a reftable"),
        ({"HEAD": "ref: refs/heads/main\n", "objects/x": "", "refs/heads/.x": ""}, "it has no commit"),
    ],
)
def test_what_is_no_git_directory_is_refused(tmp_path: Path, files: dict[str, str], said: str) -> None:
    (tmp_path / "given").mkdir()
    for name, content in files.items():
        path = tmp_path / "given" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    done = read(tmp_path / "given", tmp_path / "raw")
    assert done.returncode == history.REFUSED
    error = history.failure(done.returncode, done.stderr)
    assert error.code == "scan.history-not-a-repository"
    assert said in error.what
    assert "git rev-parse --git-common-dir" in error.hint


def test_a_repository_that_is_broken_is_told_with_what_git_says(
    repository: Repository, tmp_path: Path
) -> None:
    head = repository.commit(a="1\n")
    repository.commit(a="2\n")
    (repository.folder / ".git" / "objects" / head[:2] / head[2:]).unlink()
    done = read(repository.folder / ".git", tmp_path / "raw")
    assert done.returncode not in {0, history.REFUSED}
    error = history.failure(done.returncode, done.stderr)
    assert error.code == "scan.history-unreadable"
    assert head in error.details


def test_a_tree_made_by_hand_stays_below_its_folder() -> None:
    assert git_history.safe("../../etc//passwd/.") == "_/_/etc/_/passwd/_"
