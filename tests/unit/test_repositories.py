from pathlib import Path

import pytest

from tools.repositories import REPOSITORIES, Repository, Result, outcome, table, words


def test_the_list_has_twenty_repositories_and_each_once() -> None:
    assert len({each.name for each in REPOSITORIES}) == len(REPOSITORIES) == 20
    assert all(each.name.count("/") == 1 for each in REPOSITORIES)


@pytest.mark.parametrize(
    ("status", "output", "expected"),
    [
        (0, "service  image is\nweb      built\n", "ok"),
        (1, "12  : ! no\n12  : ! Code: compose.no-services\n", "compose.no-services"),
        (
            0,
            "all  the project cannot be read\n\nCode: compose.env-file-missing\n",
            "compose.env-file-missing",
        ),
        (1, "Traceback (most recent call last):\nKeyError: 'web'\n", "bug"),
        (1, "Code: not a code\n", "bug"),
        (1, "Code: build.step-failed\nCode: test.failed", "test.failed"),
    ],
)
def test_a_failure_without_an_error_code_is_a_bug(status: int, output: str, expected: str) -> None:
    assert outcome(status, output) == expected


def test_the_table_has_a_row_for_each_repository_and_a_column_for_each_function() -> None:
    results = [
        Result("a/one", "doctor", "ok"),
        Result("a/one", "build", "build.step-failed"),
        Result("b/two", "doctor", "bug"),
    ]
    assert table(results).splitlines() == [
        "repository  doctor  build",
        "a/one       ok      build.step-failed",
        "b/two       bug",
    ]


def test_a_call_gets_the_folder_the_file_and_the_values_that_the_repository_has(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "env.example").write_text("A=1\n")
    repository = Repository("a/one", "docker", "docker-compose.prod.yml")
    assert words(repository, tmp_path, "stack", "map.json")[3:] == [
        *("--source", str(tmp_path), "--images", "map.json", "--project-directory", "docker"),
        *("--files", "docker-compose.prod.yml", "--env-file", f"file:{tmp_path}/docker/env.example"),
        *("stack", "check"),
    ]


def test_a_repository_without_further_options_is_called_plainly(tmp_path: Path) -> None:
    assert words(Repository("a/one"), tmp_path, "doctor")[2:] == ["call", "--source", str(tmp_path), "doctor"]
