"""Arrange sizes as a treemap: rectangles in one, each with an area in proportion to its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Rectangle", "treemap"]


@dataclass(frozen=True)
class Rectangle:
    """A rectangle in percent of the whole; `index` is that of its size."""

    index: int
    x: float
    y: float
    width: float
    height: float


def treemap(sizes: Sequence[int], ratio: float) -> list[Rectangle]:
    """Return a rectangle for each size above 0, the largest first; `ratio` is width to height of the whole.

    Rows are filled as long as that makes their rectangles more like squares (Bruls, Huizing and van Wijk,
    Squarified Treemaps, 2000).
    """
    order = sorted((index for index, size in enumerate(sizes) if size > 0), key=lambda index: -sizes[index])
    total = sum(sizes[index] for index in order)
    if not total:
        return []
    areas = {index: sizes[index] / total * ratio for index in order}
    free = (0.0, 0.0, ratio, 1.0)
    done: list[Rectangle] = []
    row: list[int] = []
    for index in order:
        side = min(free[2:])
        if row and _worst([areas[i] for i in [*row, index]], side) > _worst([areas[i] for i in row], side):
            free = _place(row, areas, free, ratio, done)
            row = []
        row.append(index)
    _place(row, areas, free, ratio, done)
    return done


def _worst(areas: list[float], side: float) -> float:
    """Return the ratio of sides of the rectangle in a row that is least like a square."""
    total = sum(areas)
    return max(side**2 * max(areas) / total**2, total**2 / (side**2 * min(areas)))


def _place(
    row: list[int],
    areas: dict[int, float],
    free: tuple[float, float, float, float],
    ratio: float,
    done: list[Rectangle],
) -> tuple[float, float, float, float]:
    """Place a row along the shorter side of what is free; return what is free then."""
    x, y, width, height = free
    total = sum(areas[index] for index in row)
    upright = width >= height
    thick = total / (height if upright else width)
    offset = 0.0
    for index in row:
        long = areas[index] / thick
        box = (x, y + offset, thick, long) if upright else (x + offset, y, long, thick)
        left, top, wide, high = box
        done.append(Rectangle(index, left / ratio * 100, top * 100, wide / ratio * 100, high * 100))
        offset += long
    return (x + thick, y, width - thick, height) if upright else (x, y + thick, width, height - thick)
