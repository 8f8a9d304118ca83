"""Queries of the stand-in: nearest vectors, and filters."""

from __future__ import annotations

import pytest

from tests.airgap.qdrant.server import DAY, Server, ids, value


def test_nearest_first(filled: Server) -> None:
    found = filled.call(
        "POST", "/collections/c/points/query", {"query": [0, 1], "limit": 1, "with_payload": True}
    )
    (point,) = found["points"]
    assert (point["id"], point["score"], point["payload"]["tenant"]) == (3, 1.0, "b")
    assert "vector" not in point
    same = {"query": {"nearest": [1, 0]}, "offset": 1, "score_threshold": 1.5, "with_payload": ["n"]}
    found = filled.call("POST", "/collections/c/points/query", same)
    assert [(each["id"], each["payload"]) for each in found["points"]] == [(2, {"n": 2})]


def test_search_is_query(filled: Server) -> None:
    wanted = {"filter": {"must": [{"key": "tenant", "match": {"value": "a"}}]}, "with_vector": True}
    query = filled.call("POST", "/collections/c/points/query", {"query": [1, 0], **wanted})
    search = filled.call("POST", "/collections/c/points/search", {"vector": [1, 0], **wanted})
    assert search == query["points"]
    assert [point["vector"] for point in search] == [[2.0, 0.0], [1.0, 0.0]]


def test_named_vectors(server: Server) -> None:
    vector = {"size": 2, "distance": "Cosine"}
    server.call("PUT", "/collections/c", {"vectors": {"a": vector, "b": vector}})
    point = {"id": 1, "vector": {"a": [1, 0], "b": [0, 1]}}
    server.call("PUT", "/collections/c/points?wait=true", {"points": [point]})
    found = server.call("POST", "/collections/c/points/query", {"query": [1, 0], "using": "a"})
    assert found["points"][0]["score"] == 1.0
    body = {"vector": {"name": "b", "vector": [1, 0]}}
    assert server.call("POST", "/collections/c/points/search", body)[0]["score"] == 0.0
    status, error = server.refused("POST", "/collections/c/points/query", {"query": [1, 0], "using": "none"})
    assert (status, "none" in error) == (400, True)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (None, [1, 2, 3]),
        ({}, [1, 2, 3]),
        ({"must": [value("tenant", "a")]}, [1, 2]),
        ({"must": value("tenant", "a")}, [1, 2]),
        ({"must": [value("tenant", "a"), value("n", 2)]}, [2]),
        ({"must": [value("tags", "y")]}, [1, 2]),
        ({"must": [value("none", "a")]}, []),
        ({"must_not": [value("tenant", "a")]}, [3]),
        ({"should": [value("n", 1), value("n", 3)]}, [1, 3]),
        ({"must": [{"key": "n", "match": {"any": [2, 3, 4]}}]}, [2, 3]),
        ({"must": [{"key": "tenant", "match": {"any": []}}]}, []),
        ({"must": [{"key": "n", "range": {"gt": 1, "lte": 3}}]}, [2, 3]),
        ({"must": [{"key": "day", "range": {"lt": DAY.format(3)}}]}, [1, 2]),
        ({"must": [{"has_id": [1, 3]}]}, [1, 3]),
        ({"must": [value("tenant", "a"), {"must_not": [value("n", 1)]}]}, [2]),
        ({"should": [{"must": [value("tenant", "a"), value("n", 1)]}, {"must": [value("n", 3)]}]}, [1, 3]),
    ],
)
def test_filters(filled: Server, wanted: object, found: list[int]) -> None:
    assert ids(filled, wanted) == found


@pytest.mark.parametrize(
    ("wanted", "status", "words"),
    [
        ([], 400, "filter: [] is not an object"),
        ({"must": [7]}, 400, "filter condition: 7"),
        ({"must": [{"key": "n"}]}, 400, "one of `match` and `range`"),
        ({"must": [{"key": "n", "match": {}}]}, 400, "`match` has one of value, any"),
        ({"must": [{"key": "n", "match": {"value": 1.5}}]}, 400, "Wrong input: "),
        ({"must": [{"key": "n", "match": {"phrase": "a"}}]}, 501, "`phrase`"),
        ({"must": [{"key": "done", "match": {"value": True}}]}, 501, "a truth value"),
        ({"must": [{"key": "n", "geo_radius": {}}]}, 501, "`geo_radius`"),
        ({"all": []}, 501, "`all`"),
    ],
)
def test_wrong_filters(filled: Server, wanted: object, status: int, words: str) -> None:
    answered, error = filled.refused("POST", "/collections/c/points/count", {"filter": wanted})
    assert answered == status
    assert words in error
