from __future__ import annotations

import threading

import pytest

from ci.container_scripts.registry.pool import each
from ci.errors import PipelineError
from tests.raised import raises


def fail(text: str, code: str = "some.code") -> str:
    raise PipelineError(code, f"{text} broke", hint="fix it", details="why")


def test_results_come_in_the_things_order() -> None:
    assert each("cab", str.upper, limit=2) == ["C", "A", "B"]
    assert each([], str, limit=2) == []


def test_one_failure_is_raised_as_it_is() -> None:
    with pytest.raises(PipelineError, match=r"\Aa broke\nwhy\nNext: fix it\nCode: some.code\Z"):
        each("a", fail, limit=2)


def test_all_that_had_begun_is_reported() -> None:
    together = threading.Barrier(2, timeout=10)

    def both_fail(text: str) -> str:
        together.wait()
        return fail(text)

    with raises("some.code") as caught:
        each("ab", both_fail, limit=2)
    text = str(caught.value)
    assert text.startswith("2 calls to the registry failed")
    assert "a broke" in text
    assert "b broke" in text


def test_failures_of_several_kinds_keep_their_codes() -> None:
    together = threading.Barrier(2, timeout=10)

    def both_fail(text: str) -> str:
        together.wait()
        return fail(text, f"some.code-{text}")

    with raises("registry.several-failed", "2 calls", "Code: some.code-a", "Code: some.code-b"):
        each("ab", both_fail, limit=2)


def test_after_a_failure_nothing_new_is_begun() -> None:
    begun: list[int] = []

    def count(number: int) -> None:
        begun.append(number)
        fail(str(number))

    with pytest.raises(PipelineError):
        each(range(1000), count, limit=1)
    assert begun == [0]


def test_a_bug_is_not_hidden_among_errors() -> None:
    with pytest.raises(ZeroDivisionError):
        each([1, 0], lambda number: 1 // number, limit=1)
