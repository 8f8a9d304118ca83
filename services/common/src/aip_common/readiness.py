"""Readiness: whether dependencies respond, and whether this process is shutting down."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aip_common import metrics
from aip_common.problems import Problem

CHECK_SECONDS = 1.0
CACHE_SECONDS = 2.0


@dataclass(frozen=True)
class _Check:
    name: str
    run: Callable[[], Awaitable[object]]
    required: Callable[[], bool]


class Readiness:
    """The service's dependency checks. A check passes unless it raises or takes longer than a second."""

    def __init__(self, service: str) -> None:
        self.draining = asyncio.Event()
        self._service = service
        self._checks: list[_Check] = []
        self._lock = asyncio.Lock()
        self._results: dict[str, dict[str, Any]] = {}
        self._checked_at = float("-inf")

    def add(
        self, name: str, run: Callable[[], Awaitable[object]], required: Callable[[], bool] = lambda: True
    ) -> None:
        """Add a check; `required` is called to decide whether a failure makes the service unready."""
        self._checks.append(_Check(name, run, required))

    async def answer(self) -> dict[str, Any]:
        """Return the response of a ready service. Raise the 503 problem that names failed checks."""
        if self.draining.is_set():
            raise Problem(503, "draining", "this process is shutting down", retry_after=1)
        await self.refresh()
        down = [
            check.name for check in self._checks if not self._results[check.name]["ok"] and check.required()
        ]
        if down:
            text = f"not ready: {', '.join(down)}"
            raise Problem(503, "not_ready", text, retry_after=2, checks=self._results)
        return {"status": "ready", "checks": self._results}

    async def refresh(self) -> None:
        """Run checks older than two seconds, and set the gauge for alerts."""
        async with self._lock:  # concurrent requests wait for a running check and get its result
            if time.monotonic() - self._checked_at <= CACHE_SECONDS:
                return
            outcomes = await asyncio.gather(*(self._run(check) for check in self._checks))
            names = (check.name for check in self._checks)
            self._results = dict(zip(names, outcomes, strict=True))
            self._checked_at = time.monotonic()

    async def _run(self, check: _Check) -> dict[str, Any]:
        started = time.monotonic()
        error = ""
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await check.run()
        except Exception as raised:  # noqa: BLE001 - whatever a client library raises means "down"
            error = type(raised).__name__
        metrics.DEPENDENCY_UP.labels(self._service, check.name).set(0 if error else 1)
        result: dict[str, Any] = {"ok": not error, "ms": round((time.monotonic() - started) * 1000)}
        return {**result, "error": error} if error else result
