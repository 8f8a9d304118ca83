"""Try again where that helps: waits that are reported, and the error of what fails for good."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ci.errors import PipelineError
from ci.registry import failures

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.registry.failures import Failure

__all__ = ["AttemptError", "Limits", "RegistryError", "persist", "say"]

T = TypeVar("T")
# A registry that wants a longer wait is not waited for: a job has its own limits.
_LONGEST_WAIT = 900.0


@dataclass(frozen=True)
class Limits:
    """How long to wait.

    `seconds` is how long nothing may move on a connection; a registry that has to store what was sent may
    take longer, by `bytes_per_second`. `tries` is how often at most without any progress, `pace` multiplies
    the delays between tries, but not the waits that a registry asks for.
    """

    seconds: float = 30.0
    bytes_per_second: float = 250_000.0
    tries: int = len(failures.DELAYS) + 1
    pace: float = 1.0

    def storing(self, size: int) -> float:
        """Return how long a registry may be silent after so many bytes."""
        return self.seconds + size / self.bytes_per_second


class AttemptError(Exception):
    """One try that failed; `details` is what the other side answered."""

    def __init__(self, failure: Failure, details: str = "") -> None:
        super().__init__(failure.reason)
        self.failure = failure
        self.details = details


class RegistryError(PipelineError):
    """An operation that failed for good; `failure` says how."""

    def __init__(self, what: str, failure: Failure, details: str) -> None:
        super().__init__(failure.code, f"{what}: {failure.reason}", details=details, hint=failure.hint)
        self.failure = failure


def say(text: str) -> None:
    """Print progress on the error stream."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def persist(
    once: Callable[[], T], what: str, limits: Limits, *, progress: Callable[[], int] = lambda: 0
) -> T:
    """Repeat an attempt while its failure may pass; return its result.

    `what` names the operation in messages. The count of tries starts again with each attempt that
    got further by `progress`. Raises RegistryError for what fails for good.
    """
    again, reached = 0, progress()
    while True:
        try:
            return once()
        except AttemptError as error:
            failure, details = error.failure, error.details
        if progress() > reached:
            again, reached = 0, progress()
        delays = failure.delays[: limits.tries - 1]
        wait = failure.wait or 0.0
        if again >= len(delays) or wait > _LONGEST_WAIT:
            longer = f"it asks to wait {wait:g} s" if wait > _LONGEST_WAIT else ""
            raise RegistryError(what, failure, "\n".join(filter(None, (details, longer))))
        delay = max(delays[again] * limits.pace, wait)
        again += 1
        requested = ", as it requested" if delay == wait else ""
        say(f"{what}: {failure.reason}; trying again in {delay:g} s{requested} ({again} of {len(delays)})")
        time.sleep(delay)
