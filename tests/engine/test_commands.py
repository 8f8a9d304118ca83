"""The check of commands in docs, on the real module: accepted and rejected commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import check, commands

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["README.md", "Makefile"])
def test_every_command_that_is_shown_is_there(page: str) -> None:
    found = commands((ROOT / page).read_text())
    assert found
    for words in found:
        check(words)


def test_files_that_a_reader_has_need_not_be_there() -> None:
    registries = ["registry", "--address", "a.example/x", "with-target", "--address", "b.example/x"]
    check(["--source", "../shop", *registries, "promote", "--release", "release.json"])


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("nosuch", 'unknown command "nosuch"'),
        ("image --service gateway nosuch", 'unknown command "nosuch"'),
        ("stack --bogus ports up", "unknown flag: --bogus"),
        ("image --service gateway export --pth x", "unknown flag: --pth"),
        ("tags", 'required flag(s) "ref" not set'),
        ("image terminal", 'required flag(s) "service" not set'),
        ("tags --ref", 'unknown command "none-either"'),  # the option consumed the first stop as its value
        ("--jobs many scan", 'invalid argument "many" for "--jobs"'),
        ("tags --ref …", "flag needs an argument: --ref"),
        ("registry --adress x …", "unknown flag: --adress"),
    ],
)
def test_a_command_that_is_not_there_fails(command: str, said: str) -> None:
    with pytest.raises(AssertionError) as failed:
        check(command.split())
    assert said in str(failed.value)
