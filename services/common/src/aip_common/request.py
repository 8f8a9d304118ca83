"""The current request's id and the deadline of its caller."""

import re
import secrets
import time
from contextvars import ContextVar

ID_HEADER = "X-Request-ID"
DEADLINE_HEADER = "X-Deadline-Ms"
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_ACCEPTED_DEADLINE = re.compile(r"[0-9]{1,7}")

_id: ContextVar[str] = ContextVar("request_id", default="")
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def begin(given_id: str, given_deadline: str) -> str:
    """Start a request from its headers; return its id, or a new one if the given id is invalid."""
    accepted = _ACCEPTED_ID.fullmatch(given_id)
    # Sorted by time like a UUIDv7, which Python supports from 3.14 on.
    chosen = given_id if accepted else f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"
    _id.set(chosen)
    milliseconds = int(given_deadline) if _ACCEPTED_DEADLINE.fullmatch(given_deadline) else None
    _deadline.set(None if milliseconds is None else time.monotonic() + milliseconds / 1000)
    return chosen


def request_id() -> str:
    """Return the id of the current request, or "" outside of one."""
    return _id.get()


def limit_to(seconds: float) -> None:
    """Limit this request's deadline to this many seconds from now, unless it is earlier."""
    _deadline.set(time.monotonic() + seconds_left(seconds))


def seconds_left(at_most: float) -> float:
    """Return the seconds until the caller's deadline, between zero and `at_most`."""
    deadline = _deadline.get()
    return at_most if deadline is None else max(0.0, min(at_most, deadline - time.monotonic()))
