"""Points of the stand-in: they are stored, listed, changed and deleted."""

from __future__ import annotations

import uuid

import pytest

from tests.airgap.qdrant.server import Server, ids, value


def test_points_come_back(filled: Server) -> None:
    point = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, "a")),
        "vector": [0.5, 0.25],
        "payload": {"deep": {"a": [1, None]}},
    }
    done = filled.call("PUT", "/collections/c/points?wait=true", {"points": [point]})
    assert done["status"] == "completed"
    assert filled.call("PUT", "/collections/c/points", {"points": [point]})["status"] == "acknowledged"
    wanted = {"ids": [point["id"], 99], "with_vector": True}
    assert filled.call("POST", "/collections/c/points", wanted) == [point]
    assert filled.call("GET", "/collections/c")["points_count"] == 4


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ({"id": 1, "vector": [1]}, "expected dim: 2, got 1"),
        ({"id": "abc", "vector": [1, 2]}, "value 'abc' is not a valid point ID"),
        ({"id": -1, "vector": [1, 2]}, "value -1 is not"),
        ({"vector": [1, 2]}, "value None is not"),
        ({"id": 1}, "missing field `vector`"),
        ({"id": 1, "vector": ["a", 2]}, "must be real number"),
        (7, "every point is an object"),
    ],
)
def test_wrong_points(filled: Server, point: object, words: str) -> None:
    good = {"id": 50, "vector": [1, 2]}
    status, error = filled.refused("PUT", "/collections/c/points?wait=true", {"points": [good, point]})
    assert status == 400
    assert error.startswith("Wrong input: ")
    assert words in error


def test_scroll_goes_on_where_it_stopped(filled: Server) -> None:
    first = filled.call("POST", "/collections/c/points/scroll", {"limit": 2, "with_payload": False})
    assert first == {"points": [{"id": 1}, {"id": 2}], "next_page_offset": 3}
    rest = filled.call(
        "POST", "/collections/c/points/scroll", {"limit": 2, "offset": 3, "with_payload": False}
    )
    assert rest == {"points": [{"id": 3}], "next_page_offset": None}


def test_delete_by_ids_and_by_filter(filled: Server) -> None:
    filled.call("POST", "/collections/c/points/delete?wait=true", {"points": [1, 99]})
    assert ids(filled, None) == [2, 3]
    wanted = {"filter": {"must": [value("tenant", "b")]}}
    filled.call("POST", "/collections/c/points/delete?wait=true", wanted)
    assert ids(filled, None) == [2]
    for body in ({}, {"points": [2], **wanted}):
        assert filled.refused("POST", "/collections/c/points/delete", body)[0] == 400
    assert ids(filled, None) == [2]


def test_payload_is_added_to_by_ids_and_by_filter(filled: Server) -> None:
    added = {"payload": {"state": "done"}, "points": [1]}
    assert filled.call("POST", "/collections/c/points/payload?wait=true", added)["status"] == "completed"
    by_filter = {"payload": {"state": "new"}, "filter": {"must": [value("tenant", "b")]}}
    filled.call("POST", "/collections/c/points/payload?wait=true", by_filter)
    assert ids(filled, {"must": [value("state", "done"), value("tenant", "a")]}) == [1]
    assert ids(filled, {"must": [value("state", "new"), value("n", 3)]}) == [3]
    wrong: list[object] = [{"payload": {}}, {"payload": {}, "points": [1], "filter": {}}, {"points": [1]}]
    for body in wrong:
        assert filled.refused("POST", "/collections/c/points/payload", body)[0] == 400
