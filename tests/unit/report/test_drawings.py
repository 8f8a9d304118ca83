"""The drawings of the page: each area is in proportion, and each service is to the right of what it needs."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci.report.html.graph import HEIGHT, WIDTH, graph
from ci.report.html.treemap import treemap

SIZES = st.lists(st.integers(0, 10**9), max_size=40)


@given(SIZES)
@settings(max_examples=60)
def test_a_treemap_has_areas_in_proportion_that_do_not_overlap(sizes: list[int]) -> None:
    drawn = treemap(sizes, 5.0)
    assert sorted(each.index for each in drawn) == [index for index, size in enumerate(sizes) if size]
    for each in drawn:
        area = each.width * each.height / 100
        assert area == pytest.approx(100 * sizes[each.index] / sum(sizes), abs=1e-6)
        assert -1e-6 <= each.x <= each.x + each.width <= 100 + 1e-6
        assert -1e-6 <= each.y <= each.y + each.height <= 100 + 1e-6
    for one, other in combinations(drawn, 2):
        beside = one.x + one.width <= other.x + 1e-6 or other.x + other.width <= one.x + 1e-6
        above = one.y + one.height <= other.y + 1e-6 or other.y + other.height <= one.y + 1e-6
        assert beside or above


def test_the_rectangles_of_a_treemap_are_like_squares() -> None:
    for each in treemap([1] * 20, 5.0):
        assert 1 / 2 <= 5 * each.width / each.height <= 2


def acyclic(edges: list[tuple[int, int]], number: int) -> dict[str, dict[str, str]]:
    waits: dict[str, dict[str, str]] = {str(n): {} for n in range(number)}
    for one, other in edges:
        if one != other and max(one, other) < number:
            waits[str(max(one, other))][str(min(one, other))] = "service_healthy"
    return waits


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60), st.integers(0, 31))
@settings(max_examples=60)
def test_a_graph_has_each_service_to_the_right_of_what_it_waits_for(
    edges: list[tuple[int, int]], number: int
) -> None:
    waits = acyclic(edges, number)
    drawn = graph(waits)
    places = {node.name: node for node in drawn.nodes}
    assert places.keys() == waits.keys()
    assert {(edge.target, edge.source) for edge in drawn.edges} == {
        (name, other) for name, others in waits.items() for other in others
    }
    for edge in drawn.edges:
        assert places[edge.source].x + WIDTH < places[edge.target].x
        end = re.findall(r"-?\d+", edge.path)[-2:]
        assert abs(int(end[1]) - places[edge.target].y) <= HEIGHT
    for one, other in combinations(drawn.nodes, 2):
        assert abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT
    for node in drawn.nodes:
        assert 0 <= node.x <= drawn.width - WIDTH
        assert 0 <= node.y <= drawn.height - HEIGHT


def test_a_service_that_is_not_in_the_plan_is_not_drawn() -> None:
    assert graph({"web": {"gone": "service_started"}}).edges == ()
