"""Independent work side by side, bounded, with every failure reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anyio

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

__all__ = ["run", "until_one_fails"]

T = TypeVar("T")


async def run(
    jobs: Mapping[str, Callable[[], Awaitable[T]]], *, limit: int | anyio.CapacityLimiter
) -> dict[str, T]:
    """Run the jobs, at most `limit` at a time; return results in the jobs' order.

    A limiter is shared with other work.

    A job that fails does not stop the others: all that went wrong is in the
    one error raised at the end. An exception that is no `PipelineError` is a
    bug and ends everything at once.
    """
    if isinstance(limit, int) and limit < 1:
        raise PipelineError(
            "jobs.too-few", f"--jobs {limit}: at least one is needed", hint="give a number from 1"
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
            hint="fix each of them; the others are done and stay cached",
        )
    return {name: results[name] for name in jobs}


async def until_one_fails(jobs: Mapping[str, Callable[[], Awaitable[T]]]) -> dict[str, T]:
    """Run all jobs at once; return results in the jobs' order. The first that fails ends the others."""
    results: dict[str, T] = {}

    async def one(name: str, job: Callable[[], Awaitable[T]]) -> None:
        results[name] = await job()

    async with anyio.create_task_group() as tasks:
        for name, job in jobs.items():
            tasks.start_soon(one, name, job)
    return {name: results[name] for name in jobs}
