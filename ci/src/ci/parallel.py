"""Run independent jobs in parallel, with a limit, and report every failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

__all__ = ["Once", "run", "until_one_fails"]

T = TypeVar("T")


@dataclass(frozen=True)
class Once(Generic[T]):
    """Run a job at the first use, and give all later uses its result."""

    _lock: anyio.Lock = field(default_factory=anyio.Lock)
    _made: list[T] = field(default_factory=list)

    async def get(self, job: Callable[[], Awaitable[T]]) -> T:
        """Return the job's result. If it raises, the next use runs it again."""
        async with self._lock:
            if not self._made:
                self._made.append(await job())
        return self._made[0]


async def run(
    jobs: Mapping[str, Callable[[], Awaitable[T]]], *, limit: int | anyio.CapacityLimiter
) -> dict[str, T]:
    """Run the jobs, at most `limit` at a time; return results in the jobs' order.

    A limiter can be shared with other work.

    A failed job does not stop the others. All failures are in the single error
    that is raised at the end. Any exception other than `PipelineError` is a bug
    and cancels everything immediately.
    """
    if isinstance(limit, int) and limit < 1:
        raise PipelineError(
            "jobs.too-few", f"--jobs {limit} is less than 1", hint="use a number of at least 1"
        )
    results: dict[str, T] = {}
    failures: dict[str, PipelineError] = {}
    limiter = anyio.CapacityLimiter(limit) if isinstance(limit, int) else limit

    async def one(name: str, job: Callable[[], Awaitable[T]]) -> None:
        async with limiter:
            try:
                results[name] = await job()
            except PipelineError as error:
                failures[name] = error

    async with anyio.create_task_group() as tasks:
        for name, job in jobs.items():
            tasks.start_soon(one, name, job)
    if len(failures) == 1:
        raise next(iter(failures.values()))
    if failures:
        ordered = [failures[name] for name in jobs if name in failures]
        raise PipelineError(
            "jobs.several-failed",
            f"{len(failures)} of {len(jobs)} failed: {', '.join(n for n in jobs if n in failures)}",
            details="\n\n".join(str(failure) for failure in ordered),
            hint="fix each of them; the others succeeded and are cached",
        )
    return {name: results[name] for name in jobs}


async def until_one_fails(jobs: Mapping[str, Callable[[], Awaitable[T]]]) -> dict[str, T]:
    """Run all jobs concurrently; return results in the jobs' order. The first failure cancels the rest."""
    results: dict[str, T] = {}

    async def one(name: str, job: Callable[[], Awaitable[T]]) -> None:
        results[name] = await job()

    async with anyio.create_task_group() as tasks:
        for name, job in jobs.items():
            tasks.start_soon(one, name, job)
    return {name: results[name] for name in jobs}
