"""The circuit breaker, on a clock of the test's."""

import pytest
from aip_common import metrics
from aip_common.breaker import MIN_FAILURES, OPEN_SECONDS, WINDOW_SECONDS, Breaker, BreakerOpenError
from hypothesis import given
from hypothesis import strategies as st


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("test", "store", clock)


def _state() -> float:
    return float(metrics.BREAKER_STATE.labels("test", "store")._value.get())  # noqa: SLF001 - it has no reader


def _fail(breaker: Breaker, times: int = MIN_FAILURES) -> None:
    for _ in range(times):
        breaker.before()
        breaker.failure()


def test_opens_half_opens_closes(breaker: Breaker, clock: Clock) -> None:
    _fail(breaker)
    assert _state() == 2
    with pytest.raises(BreakerOpenError) as refused:
        breaker.before()
    assert refused.value.retry_after == OPEN_SECONDS
    clock.now += OPEN_SECONDS
    breaker.before()
    assert _state() == 1
    with pytest.raises(BreakerOpenError):
        breaker.before()
    breaker.success()
    assert _state() == 0
    breaker.before()


def test_a_failed_probe_opens_again(breaker: Breaker, clock: Clock) -> None:
    _fail(breaker)
    clock.now += OPEN_SECONDS
    breaker.before()
    breaker.failure()
    with pytest.raises(BreakerOpenError):
        breaker.before()


def test_an_abandoned_probe_lets_the_next_one_ask(breaker: Breaker, clock: Clock) -> None:
    _fail(breaker)
    clock.now += OPEN_SECONDS
    breaker.before()
    breaker.neither()
    breaker.before()
    assert _state() == 1


def test_old_failures_do_not_count(breaker: Breaker, clock: Clock) -> None:
    _fail(breaker, MIN_FAILURES - 1)
    clock.now += WINDOW_SECONDS + 1
    _fail(breaker, MIN_FAILURES - 1)
    assert _state() == 0


@given(st.lists(st.booleans(), max_size=40))
def test_closed_while_most_calls_succeed(outcomes: list[bool]) -> None:
    breaker = Breaker("test", "store", Clock())
    for at, ok in enumerate(outcomes, 1):
        breaker.before()
        (breaker.success if ok else breaker.failure)()
        failures = outcomes[:at].count(False)
        if failures >= MIN_FAILURES and failures >= at / 2 and not ok:
            assert _state() == 2
            return
    assert _state() == 0
