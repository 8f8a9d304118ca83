from __future__ import annotations

from typing import Any
from unittest import mock

import anyio
import dagger

from ci.release import repository
from tests.raised import raises

COMMIT, OTHER = "a" * 40, "b" * 40


def folder(log: str, *names: str) -> Any:  # noqa: ANN401 - a stand-in
    made = mock.create_autospec(dagger.Directory, instance=True)
    made.entries.return_value = ["log", "tags", *names]
    texts = {"log": log, "tags": ""}

    def file(name: str) -> Any:  # noqa: ANN401 - a stand-in
        found = mock.create_autospec(dagger.File, instance=True)
        found.contents.return_value = texts[name]
        return found

    made.file.side_effect = file
    return made


def test_the_released_commit_has_to_be_in_the_history() -> None:
    log = f"{COMMIT}\n\nAdd it\0"
    assert list(anyio.run(repository.read, folder(log), COMMIT).commits) == [COMMIT]
    with raises("release.commit-not-in-history", OTHER, "fetch-depth: 0"):
        anyio.run(repository.read, folder(log), OTHER)


def test_a_shallow_clone_is_known_to_be_one() -> None:
    assert anyio.run(repository.read, folder(f"{COMMIT}\n\nAdd it\0", "shallow"), COMMIT).shallow


def test_what_git_cannot_read_is_an_error_with_its_output() -> None:
    broken = folder("")
    error = dagger.ExecError.__new__(dagger.ExecError, [])
    error.stderr = "it has no HEAD and no objects"
    broken.entries.side_effect = error
    with raises("release.history-unreadable") as caught:
        anyio.run(repository.read, broken, COMMIT)
    assert caught.value.details == error.stderr
