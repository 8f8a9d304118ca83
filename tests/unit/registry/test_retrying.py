"""How often, after which waits, and what is reported."""

from __future__ import annotations

import time

import pytest

from ci.registry import failures
from ci.registry.retrying import AttemptError, Limits, RegistryError, persist

BUSY = AttemptError(failures.of_status(503), "later")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def run(*outcomes: AttemptError | str, pace: float = 1.0) -> str:
    left = list(outcomes)

    def once() -> str:
        outcome = left.pop(0)
        if isinstance(outcome, AttemptError):
            raise outcome
        return outcome

    return persist(once, "push x", Limits(pace=pace))


def test_it_is_tried_again_after_longer_waits(waits: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(BUSY, BUSY, "done") == "done"
    assert waits == [0.5, 1.0]
    assert "push x: the registry answered 503; trying again in 0.5 s (1 of 5)" in capsys.readouterr().err


def test_a_wait_that_is_requested_is_waited_and_reported(
    waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(AttemptError(failures.of_status(429, wait=20.0)), "done", pace=0.1) == "done"
    assert waits == [20.0]
    assert "trying again in 20 s, as it requested (1 of 5)" in capsys.readouterr().err


def test_a_wait_of_hours_is_not_waited(waits: list[float]) -> None:
    with pytest.raises(RegistryError) as caught:
        run(AttemptError(failures.of_status(429, wait=7200.0), "slow down"), "done")
    assert waits == []
    assert caught.value.details == "slow down\nit asks to wait 7200 s"
    assert run(AttemptError(failures.of_status(429, wait=7.0)), "done") == "done"
    assert waits == [7.0]


def test_it_ends_with_the_answer_and_the_code(waits: list[float]) -> None:
    with pytest.raises(RegistryError) as caught:
        run(*[BUSY] * 6)
    assert (caught.value.code, caught.value.details) == ("registry.unavailable", "later")
    assert waits == [0.5, 1.0, 3.0, 9.0, 15.0]


def test_tries_are_counted_again_after_progress(waits: list[float]) -> None:
    arrived = 0

    def once() -> None:
        nonlocal arrived
        arrived = min(arrived + 1, 3)
        raise AttemptError(failures.LOST)

    with pytest.raises(RegistryError):
        persist(once, "push x", Limits(tries=2), progress=lambda: arrived)
    # Three attempts that got further, each with a try after it; then one that did not.
    assert waits == [0.5, 0.5, 0.5]
