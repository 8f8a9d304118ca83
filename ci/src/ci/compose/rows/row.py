"""One row of the support table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Row", "Status", "rows"]


class Status(Enum):
    """What the stack does with a key."""

    ENFORCED = "enforced"  # by the init inside the container
    SUPPORTED = "supported"  # by the plan or by Dagger
    NOTED = "noted"  # has no meaning here; said once in the report
    REFUSED = "refused"  # would not be what the file says; an error


@dataclass(frozen=True)
class Row:
    """One key: its status, how it is done or why not or what to do instead, and its test.

    `proof` is the test's file below tests/ and its name.
    """

    status: Status
    text: str
    proof: str


def rows(status: Status, proof: str, text: str, *keys: str) -> dict[str, Row]:
    """Return the same row for each of the keys."""
    return {key: Row(status, text, proof) for key in keys}
