"""`[[tool.ci.waivers]]`: which rule may be broken by which service, why, and until when."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

__all__ = ["Waiver"]

Text = Annotated[str, Meta(min_length=1)]


class Waiver(Struct, frozen=True, forbid_unknown_fields=True):
    """One waiver; its last day counts. Each field is required: without an end it would stay indefinitely."""

    rule: Text
    service: Text
    reason: Text
    until: date

    def __str__(self) -> str:
        return f"tool.ci.waivers: {self.rule} of {self.service} until {self.until} ({self.reason})"
