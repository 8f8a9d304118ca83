"""Draw the sizes of an image in earlier runs as bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.report.html import figures

if TYPE_CHECKING:
    from ci.report.model import History

__all__ = ["Bar", "Trend", "trends"]

# Percent: the height in the middle, and how far the smallest and the largest are from it.
_MIDDLE, _SWING = 60.0, 40.0
# Of an image: a difference below it is not drawn as if it were a large one.
_SMALL = 0.01
_GAP = 0.25  # of the width of a bar


@dataclass(frozen=True)
class Bar:
    """A bar in percent of the drawing; `size` is in bytes."""

    x: float
    width: float
    height: float
    size: int


@dataclass(frozen=True)
class Trend:
    """The sizes of an image, the oldest first, and what they say in words."""

    text: str
    bars: tuple[Bar, ...]


def trends(history: History) -> dict[str, Trend]:
    """Return the trend of each image of the last run that an earlier run had as well."""
    found: dict[str, Trend] = {}
    for name in history.runs[-1].sizes if history.runs else ():
        runs = [each for each in history.runs if name in each.sizes]
        if len(runs) > 1:
            sizes = [each.sizes[name] for each in runs]
            since = figures.moment(runs[0].began)
            change = figures.change(sizes[-1] - sizes[0])
            text = f"{len(sizes)} runs since {since}: from {figures.bytes_(sizes[0])}, change {change}"
            found[name] = Trend(text, _bars(sizes))
    return found


def _bars(sizes: list[int]) -> tuple[Bar, ...]:
    least, most, step = min(sizes), max(sizes), 100 / len(sizes)
    half = max((most - least) / 2, most * _SMALL, 1)
    heights = [_MIDDLE + _SWING * (size - (least + most) / 2) / half for size in sizes]
    return tuple(
        Bar(number * step, step * (1 - _GAP), height, size)
        for number, (size, height) in enumerate(zip(sizes, heights, strict=True))
    )
