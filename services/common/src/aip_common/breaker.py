"""A circuit breaker: stop calling an upstream that keeps failing, and probe it from time to time."""

import time
from collections import deque
from collections.abc import Callable

from aip_common import metrics

WINDOW_SECONDS = 10.0
OPEN_SECONDS = 10.0
MIN_FAILURES = 5
MIN_RATIO = 0.5
_CLOSED, _HALF_OPEN, _OPEN = 0, 1, 2


class BreakerOpenError(Exception):
    """The upstream has failed too often; it is not called for `retry_after` seconds."""

    def __init__(self, upstream: str, retry_after: int) -> None:
        super().__init__(f"{upstream} is not called for {retry_after} s: it failed too often")
        self.retry_after = retry_after


class Breaker:
    """Count calls of one upstream. Call `before`, then exactly one of `success`, `failure`, `neither`."""

    def __init__(self, service: str, upstream: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._upstream = upstream
        self._clock = clock
        self._calls: deque[tuple[float, bool]] = deque()
        self._state = _CLOSED
        self._opened_at = 0.0
        self._gauge = metrics.BREAKER_STATE.labels(service, upstream)
        self._set(_CLOSED)

    def before(self) -> None:
        """Raise `BreakerOpenError` if the call must not be made; when half-open, allow one caller."""
        if self._state == _CLOSED:
            return
        left = self._opened_at + OPEN_SECONDS - self._clock()
        if self._state == _HALF_OPEN or left > 0:
            raise BreakerOpenError(self._upstream, max(1, round(left)))
        self._set(_HALF_OPEN)

    def success(self) -> None:
        """Count a call that got a response, including a 4xx."""
        if self._state == _HALF_OPEN:
            self._calls.clear()
            self._set(_CLOSED)
        self._count(ok=True)

    def failure(self) -> None:
        """Count a call that got no response or a 5xx."""
        self._count(ok=False)
        failures = sum(not ok for _, ok in self._calls)
        too_many = failures >= MIN_FAILURES and failures >= MIN_RATIO * len(self._calls)
        if self._state == _HALF_OPEN or too_many:
            self._opened_at = self._clock()
            self._set(_OPEN)

    def neither(self) -> None:
        """Count nothing, because the caller disconnected.

        If it was a half-open probe, the next call probes.
        """
        if self._state == _HALF_OPEN:
            self._set(_OPEN)

    def _count(self, *, ok: bool) -> None:
        now = self._clock()
        self._calls.append((now, ok))
        while self._calls[0][0] < now - WINDOW_SECONDS:
            self._calls.popleft()

    def _set(self, state: int) -> None:
        self._state = state
        self._gauge.set(state)
