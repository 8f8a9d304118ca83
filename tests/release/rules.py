"""Rules for the proxy: which request meets which fault."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.release.proxy import Fault, Request


def nth(number: int, method: str, part: str, fault: Fault) -> Callable[[Request], Fault]:
    """Return a rule that meets the `number`-th such request with the fault, counted from 1."""
    count = itertools.count(1)

    def rule(request: Request) -> Fault:
        return fault if request.is_a(method, part) and next(count) == number else None

    return rule


def every(method: str, part: str, fault: Fault) -> Callable[[Request], Fault]:
    return lambda request: fault if request.is_a(method, part) else None
