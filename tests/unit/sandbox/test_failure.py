"""What is reported of a run in the sandbox that ended without an answer."""

from __future__ import annotations

import re

import pytest

from ci.container_scripts import FOLDER
from ci.sandbox import failure


def test_the_exit_codes_are_those_of_the_script() -> None:
    (names,) = re.findall(
        r"^readonly (NOT_PRIVILEGED=.*)$", (FOLDER / "sandbox.sh").read_text(), re.MULTILINE
    )
    codes = {name: int(code) for name, code in (pair.split("=") for pair in names.split())}
    assert len(codes) == 4
    assert {name: getattr(failure, name) for name in codes} == codes


@pytest.mark.parametrize(
    ("exit_code", "code", "hint"),
    [
        (failure.NOT_PRIVILEGED, "sandbox.not-privileged", "insecureRootCapabilities"),
        (failure.NO_HANDLERS, "sandbox.no-emulation", "modprobe binfmt_misc"),
        (failure.NOT_STARTED, "sandbox.not-started", "dagger call sandbox --empty"),
        (failure.ENGINE_ENDED, "sandbox.ended", "more memory"),
        (failure.DISK_FULL, "sandbox.disk-full", "dagger call sandbox --empty"),
    ],
)
def test_each_exit_code_is_an_error_of_its_own_with_the_last_lines(
    exit_code: int, code: str, hint: str
) -> None:
    found = failure.ended(exit_code, "".join(f"line {number}\n" for number in range(100)))
    assert found
    assert found.code == code
    assert hint in found.hint
    assert found.details.splitlines() == [f"line {number}" for number in range(60, 100)]


@pytest.mark.parametrize("code", [0, 1, 2, 119, 125, 137, 255])
def test_another_exit_code_is_the_command_s(code: int) -> None:
    assert failure.ended(code, "output\n") is None


def test_what_the_engine_says_of_privileges_is_passed_on() -> None:
    refused = failure.refused("not allowed: x")
    assert (refused.code, refused.details) == ("sandbox.not-privileged", "not allowed: x")
