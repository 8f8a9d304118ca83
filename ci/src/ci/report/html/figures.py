"""Format the figures of a page, each with the place in the JSON that it comes from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from markupsafe import Markup

from ci import table

__all__ = ["bytes_", "change", "figure", "filters", "moment", "percent", "seconds"]

_KILO, _MEGA, _GIGA = 1_000, 1_000_000, 1_000_000_000
_MINUTE = 60


def bytes_(size: float) -> str:
    """Format bytes in the unit that suits them."""
    if abs(size) >= _GIGA:
        return f"{size / _GIGA:.2f} GB"
    if abs(size) >= _MEGA / 10:
        return table.megabytes(int(size))
    return f"{size / _KILO:.1f} kB" if abs(size) >= _KILO else f"{size:.0f} B"


def change(size: float) -> str:
    """Format a difference of bytes with its sign."""
    return f"+{bytes_(size)}" if size > 0 else f"-{bytes_(-size)}" if size < 0 else "none"


def seconds(value: float) -> str:
    """Format a duration."""
    if value >= _MINUTE:
        return f"{int(value) // _MINUTE} min {value % _MINUTE:.0f} s"
    return f"{value:.1f} s" if value >= 1 or not value else f"{value * 1000:.0f} ms"


def percent(value: float) -> str:
    """Format a part of 1, rounded down, so that only all of it is 100 %."""
    return f"{int(value * 100)} %"


def moment(text: str) -> str:
    """Format a time in UTC."""
    return f"{datetime.fromisoformat(text):%-d %B %Y, %H:%M} UTC" if text else ""


def figure(value: Any, document: str, *path: str, form: str = "") -> Markup:  # noqa: ANN401 - a number or text
    """Return a figure that names its place in a document as a JSON pointer."""
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    shown = _FORMS[form](value) if form else str(value)
    return Markup('<data value="{}" data-from="{}#{}">{}</data>').format(value, document, pointer, shown)


def total(value: Any, name: str, form: str = "") -> Markup:  # noqa: ANN401 - a number
    """Return a figure that is computed from several."""
    shown = _FORMS[form](value) if form else f"{value:,}".replace(",", "\u202f")
    return Markup('<data value="{}" data-total="{}">{}</data>').format(value, name, shown)


_FORMS = {"bytes": bytes_, "seconds": seconds, "percent": percent, "change": change}
filters = {"bytes": bytes_, "change": change, "seconds": seconds, "percent": percent, "moment": moment}
