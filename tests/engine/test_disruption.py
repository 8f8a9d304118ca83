"""Disruption tests: each file runs in its own stack, and a failing one is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.client import ROOT

if TYPE_CHECKING:
    from tests.engine.client import Dagger

pytestmark = [pytest.mark.engine, pytest.mark.long]

FILES = sorted(path.stem for path in (ROOT / "tests" / "disruption").glob("test_*.py"))


def test_every_file_is_green_on_a_stack_of_its_own(dagger: Dagger) -> None:
    called = dagger.call("test-disruption")
    assert called.code == 0, called.error
    rows = {line.split()[0]: line for line in called.stdout.splitlines()[1:]}
    assert sorted(rows) == FILES
    assert all("passed" in row for row in rows.values())


def test_a_case_that_does_not_exist_is_told(dagger: Dagger) -> None:
    called = dagger.call("test-disruption", "--cases", "no-such-case")
    assert called.code == 1
    assert "Code: test.no-disruption-tests" in called.error
    assert all(value in called.error for value in ("no-such-case", "tests/disruption"))
