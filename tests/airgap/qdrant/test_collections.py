"""Collections of the stand-in: creation, deletion, and the index of payloads."""

from __future__ import annotations

import pytest

from tests.airgap.qdrant.server import VECTORS, Server, ids, value


def test_collection_from_creation_to_deletion(server: Server) -> None:
    assert server.call("GET", "/collections/c/exists") == {"exists": False}
    assert server.call("PUT", "/collections/c", VECTORS | {"on_disk_payload": True}) is True
    assert server.call("GET", "/collections/c/exists") == {"exists": True}
    assert server.call("GET", "/collections") == {"collections": [{"name": "c"}]}
    info = server.call("GET", "/collections/c")
    assert info["config"]["params"] == VECTORS
    assert (info["status"], info["points_count"], info["payload_schema"]) == ("green", 0, {})
    assert server.refused("PUT", "/collections/c", VECTORS) == (
        409,
        "Wrong input: Collection `c` already exists!",
    )
    assert server.call("DELETE", "/collections/c") is True
    assert server.call("DELETE", "/collections/c") is False
    assert server.refused("GET", "/collections/c")[0] == 404
    assert server.call("PUT", "/collections/c", VECTORS) is True


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "missing field `vectors`"),
        ({"vectors": {"size": 2}}, "missing field `distance`"),
        ({"vectors": {"size": 0, "distance": "Dot"}}, "vector size 0"),
        ({"vectors": {"size": "2", "distance": "Dot"}}, "`size`: '2'"),
        ({"vectors": {"size": True, "distance": "Dot"}}, "`size`: True"),
        ({"vectors": {"size": 2, "distance": "Far"}}, "unknown distance 'Far'"),
        ({"vectors": {"a": 1}}, "vector parameters: 1"),
    ],
)
def test_wrong_collections(server: Server, body: object, words: str) -> None:
    status, error = server.refused("PUT", "/collections/c", body)
    assert status == 400
    assert words in error
    assert server.call("GET", "/collections") == {"collections": []}


@pytest.mark.parametrize("name", ["..", "%2e%2e", "a%2Fb", "a%00b", "x" * 256])
def test_names_that_are_no_folder(server: Server, name: str) -> None:
    assert server.refused("PUT", f"/collections/{name}", VECTORS)[0] == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/collections/none"),
        ("PUT", "/collections/none/index"),
        ("PUT", "/collections/none/points"),
        ("POST", "/collections/none/points/count"),
        ("POST", "/collections/none/points/scroll"),
        ("POST", "/collections/none/points/query"),
    ],
)
def test_no_such_collection(server: Server, method: str, path: str) -> None:
    bodies: dict[str, object] = {
        "points": {"points": []},
        "index": {"field_name": "a", "field_schema": "text"},
    }
    status, error = server.refused(method, path, bodies.get(path.rpartition("/")[2], {}))
    assert (status, error) == (404, "Not found: Collection `none` doesn't exist!")


def test_payload_index(filled: Server) -> None:
    index = {"field_name": "tenant", "field_schema": {"type": "keyword", "is_tenant": True}}
    assert filled.call("PUT", "/collections/c/index?wait=true", index)["status"] == "completed"
    filled.call("PUT", "/collections/c/index?wait=true", {"field_name": "n", "field_schema": "integer"})
    schema = filled.call("GET", "/collections/c")["payload_schema"]
    assert schema == {
        "tenant": {"data_type": "keyword", "points": 3},
        "n": {"data_type": "integer", "points": 3},
    }
    assert ids(filled, {"must": [value("tenant", "a")]}) == [1, 2]
    status, error = filled.refused("PUT", "/collections/c/index", {"field_name": "n", "field_schema": "odd"})
    assert (status, "unknown payload schema 'odd'" in error) == (400, True)
