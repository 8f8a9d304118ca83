from __future__ import annotations

import threading

import pytest

from ci.container_scripts.registry.pool import each
from ci.errors import PipelineError


def fail(text: str) -> str:
    raise PipelineError(f"{text} broke", next_step="mend it", details="why")


def test_results_come_in_the_things_order() -> None:
    assert each("cab", str.upper, limit=2) == ["C", "A", "B"]
    assert each([], str, limit=2) == []


def test_one_failure_is_raised_as_it_is() -> None:
    with pytest.raises(PipelineError, match=r"\Aa broke\nwhy\nNext: mend it\nId: .*\Z"):
        each("a", fail, limit=2)


def test_all_that_had_begun_is_reported() -> None:
    together = threading.Barrier(2, timeout=10)

    def both_fail(text: str) -> str:
        together.wait()
        return fail(text)

    with pytest.raises(PipelineError) as caught:
        each("ab", both_fail, limit=2)
    text = str(caught.value)
    assert text.startswith("2 calls to the registry failed")
    assert "a broke" in text
    assert "b broke" in text


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
