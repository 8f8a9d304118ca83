"""`[[tool.ci.waivers]]`: which rule may be broken by which service, why, and until when."""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase
from typing import Annotated

from msgspec import Meta, Struct

__all__ = ["Waiver"]

Text = Annotated[str, Meta(min_length=1)]


class Waiver(Struct, frozen=True, forbid_unknown_fields=True):
    """One waiver; its last day counts. Without an end it would stay indefinitely, so it has to have one.

    `names` are patterns of the files, variables, ports or images that may break the rule; default: all.
    """

    rule: Text
    service: Text
    reason: Text
    until: date
    names: tuple[Text, ...] = ()

    def __str__(self) -> str:
        names = f" by {', '.join(self.names)}" if self.names else ""
        return f"{self.rule} of {self.service}{names} until {self.until} ({self.reason})"

    def covers(self, name: str) -> bool:
        """Whether it is about what has this name."""
        return not self.names or any(fnmatchcase(name, pattern) for pattern in self.names)
