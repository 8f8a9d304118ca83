"""Lay out the services of a stack as a graph: each is to the right of what it waits for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["HEIGHT", "WIDTH", "Edge", "Graph", "Node", "graph"]

# Of a node, in pixels, and the gaps between nodes.
WIDTH, HEIGHT = 184, 46
_GAP_X, _GAP_Y, _MARGIN = 72, 16, 12
# The row of a line that passes through a column.
_PASSING = 10
# Nodes of a column; more of them continue in the next one.
_COLUMN = 12
_SWEEPS = 8
# Lines through columns that get a row there, for each service.
_MOST_PASSING = 1
# Columns are centered in a drawing that fits the page; in a higher one all begin at the top.
_FITS = 640
_ARROW = 6

# A place in a column: a service, or a line (source, target) that passes through it.
_Item = tuple[str, ...]


@dataclass(frozen=True)
class Node:
    """A service and its place."""

    name: str
    x: int
    y: int


@dataclass(frozen=True)
class Edge:
    """A line from a service to one that waits for it, as the path of an SVG."""

    source: str
    target: str
    condition: str
    path: str


@dataclass(frozen=True)
class Graph:
    """Nodes and edges in a drawing of this size."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int


def graph(waits_for: Mapping[str, Mapping[str, str]]) -> Graph:
    """Lay out services, each with what it waits for, and under which condition."""
    needs = {name: [other for other in others if other in waits_for] for name, others in waits_for.items()}
    column = _columns(needs)
    edges = [(other, name) for name, others in needs.items() for other in others]
    passed = {edge: range(column[edge[0]] + 1, column[edge[1]]) for edge in edges}
    if sum(map(len, passed.values())) > _MOST_PASSING * len(needs):
        passed = dict.fromkeys(edges, range(0))  # room for all of them would push the services apart
    chains = {
        (source, target): [(source,), *((source, target, str(at)) for at in between), (target,)]
        for (source, target), between in passed.items()
    }
    columns = _ordered(column, chains.values())
    places, height = _places(columns)
    nodes = tuple(Node(item[0], *place) for item, place in places.items() if len(item) == 1)
    lines = tuple(
        Edge(source, target, waits_for[target][source], _path([places[item] for item in chain]))
        for (source, target), chain in chains.items()
    )
    return Graph(nodes, lines, len(columns) * (WIDTH + _GAP_X) - _GAP_X + 2 * _MARGIN, height)


def _columns(needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the column of each service: its longest way from one that waits for nothing."""
    depths: dict[str, int] = {}

    def depth(name: str, above: tuple[str, ...]) -> int:
        if name not in depths:
            below = [depth(other, (*above, name)) for other in needs[name] if other not in above]
            depths[name] = 1 + max(below, default=-1)
        return depths[name]

    for name in needs:
        depth(name, (name,))
    layers: list[list[str]] = [[] for _ in range(1 + max(depths.values(), default=-1))]
    connected = set(needs) - {other for others in needs.values() for other in others}
    for name in sorted(depths, key=lambda name: (name in connected, name)):
        layers[depths[name]].append(name)
    portions = [layer[at : at + _COLUMN] for layer in layers for at in range(0, len(layer), _COLUMN)]
    return {name: number for number, portion in enumerate(portions) for name in portion}


def _ordered(column: Mapping[str, int], chains: Iterable[Sequence[_Item]]) -> list[list[_Item]]:
    """Order each column by the middle of its neighbours, so that few lines cross."""
    columns: list[list[_Item]] = [[] for _ in range(1 + max(column.values(), default=-1))]
    neighbours: dict[_Item, list[_Item]] = {(name,): [] for name in column}
    for name, number in column.items():
        columns[number].append((name,))
    for chain in chains:
        for at, (one, other) in enumerate(pairwise(chain)):
            if at:
                columns[column[chain[0][0]] + at].append(one)
            neighbours.setdefault(one, []).append(other)
            neighbours.setdefault(other, []).append(one)
    rank = {item: number / len(items) for items in columns for number, item in enumerate(items)}
    for sweep in range(_SWEEPS):
        for items in columns if sweep % 2 == 0 else columns[::-1]:
            near = {item: [rank[each] for each in neighbours[item]] for item in items}
            # Those without a neighbour go to the end.
            items.sort(key=lambda item: sum(near[item]) / len(near[item]) if near[item] else 2.0)
            rank |= {item: (number + 0.5) / len(items) for number, item in enumerate(items)}
    return columns


def _places(columns: Sequence[Sequence[_Item]]) -> tuple[dict[_Item, tuple[int, int]], int]:
    """Return each item's left upper corner, and the height of all."""
    heights = [sum(_height(item) + _GAP_Y for item in items) - _GAP_Y for items in columns]
    tallest = max(heights, default=0)
    places = {}
    for number, items in enumerate(columns):
        y = _MARGIN + ((tallest - heights[number]) // 2 if tallest <= _FITS else 0)
        for item in items:
            places[item] = (_MARGIN + number * (WIDTH + _GAP_X), y)
            y += _height(item) + _GAP_Y
    return places, tallest + 2 * _MARGIN


def _height(item: _Item) -> int:
    return HEIGHT if len(item) == 1 else _PASSING


def _path(places: Sequence[tuple[int, int]]) -> str:
    """Draw a line from the first place to the last, straight through the columns between them."""
    x, y = places[0][0] + WIDTH, places[0][1] + HEIGHT // 2
    parts = [f"M{x} {y}"]
    for place in places[1:]:
        last = place is places[-1]
        left = place[0] - (_ARROW if last else 0)
        middle = place[1] + (HEIGHT if last else _PASSING) // 2
        bend = (left - x) // 2
        parts.append(f"C{x + bend} {y} {left - bend} {middle} {left} {middle}")
        x, y = place[0] + WIDTH, middle
        if not last:
            parts.append(f"H{x}")
    return "".join(parts)
