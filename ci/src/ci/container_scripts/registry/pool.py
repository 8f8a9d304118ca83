"""The same for each of several things, a few at a time."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, TypeVar

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["each"]

T = TypeVar("T")
R = TypeVar("R")


def each(things: Iterable[T], do: Callable[[T], R], *, limit: int) -> list[R]:
    """Do it for each thing, at most `limit` at a time; return results in the things' order.

    After a failure nothing new is begun; what had begun is finished, and all
    that went wrong is in the one error.
    """
    failed = threading.Event()

    def one(thing: T) -> R:
        # Here and not where results are read: a worker takes up the next thing before its failure is read.
        if failed.is_set():
            raise CancelledError
        try:
            return do(thing)
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(limit) as executor:
        futures = [executor.submit(one, thing) for thing in things]
        failures: list[PipelineError] = []
        for future in as_completed(futures):
            error = future.exception()
            if error is None or isinstance(error, CancelledError):
                continue
            if not isinstance(error, PipelineError):
                raise error
            failures.append(error)
    if failures:
        raise _together(failures)
    return [future.result() for future in futures]


def _together(failures: list[PipelineError]) -> PipelineError:
    """Return one error for all failures; calls that fail for one reason, as a rule, keep its code."""
    if len(failures) == 1:
        return failures[0]
    texts = dict.fromkeys("\n".join(filter(None, (it.what, it.details))) for it in failures)
    what = f"{len(failures)} calls to the registry failed"
    if len({it.code for it in failures}) == 1:
        return PipelineError(failures[0].code, what, details="\n".join(texts), hint=failures[0].hint)
    return PipelineError(
        "registry.several-failed",
        what,
        details="\n\n".join(dict.fromkeys(map(str, failures))),
        hint="fix each of them, then run it again",
    )
