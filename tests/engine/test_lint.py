"""The linters on a real engine: each one can fail the call, and the formatter returns its changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.client import FIXTURES

if TYPE_CHECKING:
    from tests.engine.client import Called, Dagger

pytestmark = pytest.mark.engine

PROJECT = str(FIXTURES / "lint")


@pytest.fixture(scope="module")
def called(dagger: Dagger) -> Called:
    return dagger.call("--source", PROJECT, "lint")


@pytest.mark.parametrize(
    "said",
    [
        "lint: ruff, mypy, hadolint, compose, promtool, actionlint, zizmor",
        "bad.py:1:8",
        "1 file would be reformatted",
        'has type "str"',
        "Dockerfile:1 DL3007 warning",
        "services.inline.build.dockerfile_inline.Dockerfile:1 DL3007 warning",
        "services.web.devices: source=/dev/kvm",
        'not a valid duration string: "often"',
        'label "ubuntu-1" is unknown',
        "SC2086",
        "error[unpinned-uses]",
    ],
)
def test_every_linter_fails_the_call_with_what_it_found(called: Called, said: str) -> None:
    assert called.code == 1
    assert said in called.error
    assert "Traceback" not in called.stderr


def test_format_returns_the_change(dagger: Dagger) -> None:
    called = dagger.call("--source", PROJECT, "format", "as-patch", "contents")
    assert called.code == 0, called.error
    assert "-import os" in called.stdout
    assert "uv.lock" not in called.stdout


@pytest.mark.long
def test_our_project_is_clean(dagger: Dagger) -> None:
    called = dagger.call("lint")
    assert called.code == 0, called.error
