"""`[[tool.ci.waivers]]`: which rule may be broken by which service, why, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from ci.errors import PipelineError

__all__ = ["Waiver", "read"]

_FIELDS = ("rule", "service", "reason", "until")


@dataclass(frozen=True)
class Waiver:
    """One waiver; its last day counts."""

    rule: str
    service: str
    reason: str
    until: date

    def __str__(self) -> str:
        return f"tool.ci.waivers: {self.rule} of {self.service} until {self.until} ({self.reason})"


def read(number: int, item: Any) -> Waiver:  # noqa: ANN401 - as TOML has it
    """Read one table; each field is needed: an exception without reason or end stays for ever."""
    where = f"pyproject.toml: tool.ci.waivers[{number}]"
    if not isinstance(item, dict):
        raise PipelineError(
            "posture.waiver-not-a-table", f"{where} is {item!r}", hint="write it as [[tool.ci.waivers]]"
        )
    for field in item:
        if field not in _FIELDS:
            raise PipelineError(
                "posture.waiver-unknown-field",
                f"{where}.{field}: no such field",
                hint=f"use {', '.join(_FIELDS)}",
            )
    for field in _FIELDS:
        if not item.get(field):
            raise PipelineError(
                "posture.waiver-field-missing",
                f"{where}: {field} is missing",
                hint=f"give {', '.join(_FIELDS)}",
            )
    for field in _FIELDS[:3]:
        if not isinstance(item[field], str):
            raise PipelineError(
                "posture.waiver-not-text", f"{where}.{field} is {item[field]!r}", hint="give a text"
            )
    until = item["until"]
    if not isinstance(until, date) or isinstance(until, datetime):
        raise PipelineError(
            "posture.waiver-not-a-day",
            f"{where}.until is {until!r}",
            hint="give a day without quotes: until = 2030-01-31",
        )
    return Waiver(item["rule"], item["service"], item["reason"], until)
