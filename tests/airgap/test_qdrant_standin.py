"""The stand-in for Qdrant's server, run as in its image, with the real qdrant-edge-py."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest

from airgap.recipe import RECIPES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = "2026-01-0{}T00:00:00Z"
VECTORS = {"vectors": {"size": 2, "distance": "Dot"}}


class Server:
    """A running server and a connection to it."""

    def __init__(self, storage: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "qdrant_standin"],
            cwd=RECIPES / "qdrant",
            env={
                **os.environ,
                "QDRANT__SERVICE__HOST": "127.0.0.1",
                "QDRANT__SERVICE__HTTP_PORT": "0",
                "QDRANT__STORAGE__STORAGE_PATH": str(storage),
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        found = re.search(r"http://127\.0\.0\.1:(\d+), ", self.process.stdout.readline())
        assert found, "it did not start"
        self.port = int(found[1])
        self.connection = HTTPConnection("127.0.0.1", self.port, timeout=20)

    def raw(self, method: str, path: str, body: bytes | str | None = None) -> tuple[int, str]:
        self.connection.request(method, path, body)
        response = self.connection.getresponse()
        return response.status, response.read().decode()

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Return the result of a call that succeeds."""
        status, text = self.raw(method, path, None if body is None else json.dumps(body))
        answer = json.loads(text)
        assert (status, answer["status"]) == (200, "ok"), text
        assert answer["time"] >= 0
        return answer["result"]

    def refused(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Return the status and message of a failing call."""
        status, text = self.raw(method, path, None if body is None else json.dumps(body))
        answer = json.loads(text)
        assert set(answer) == {"status", "time"}, text
        return status, answer["status"]["error"]

    def end(self, signum: int = signal.SIGTERM) -> int:
        self.connection.close()
        self.process.send_signal(signum)
        code = self.process.wait(timeout=20)
        assert self.process.stdout
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("storage"))
    yield running
    assert running.end() == 0


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """The shared server with no collections."""
    yield shared
    for each in shared.call("GET", "/collections")["collections"]:
        assert shared.call("DELETE", f"/collections/{each['name']}") is True


@pytest.fixture
def filled(server: Server) -> Server:
    """The shared server with collection `c` of three points."""
    server.call("PUT", "/collections/c", VECTORS)
    points = [
        {
            "id": 1,
            "vector": [1, 0],
            "payload": {"tenant": "a", "n": 1, "tags": ["x", "y"], "day": DAY.format(1)},
        },
        {"id": 2, "vector": [2, 0], "payload": {"tenant": "a", "n": 2, "tags": ["y"], "day": DAY.format(2)}},
        {"id": 3, "vector": [3, 1], "payload": {"tenant": "b", "n": 3, "day": DAY.format(3)}},
    ]
    server.call("PUT", "/collections/c/points?wait=true", {"points": points})
    return server


def ids(server: Server, wanted: object) -> list[int]:
    found = server.call("POST", "/collections/c/points/scroll", {"filter": wanted})
    count = server.call("POST", "/collections/c/points/count", {"filter": wanted, "exact": True})
    assert count == {"count": len(found["points"])}
    return [point["id"] for point in found["points"]]


def test_it_says_what_it_is(server: Server) -> None:
    status, text = server.raw("GET", "/")
    assert status == 200
    assert "stand-in" in json.loads(text)["title"]
    assert json.loads(text)["version"] in (RECIPES / "qdrant" / "image.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
def test_probes(server: Server, path: str) -> None:
    assert server.raw("GET", path) == (200, f"{path[1:]} check passed")


def test_metrics(filled: Server) -> None:
    status, text = filled.raw("GET", "/metrics")
    assert status == 200
    assert "\ncollections_total 1\n" in text
    assert re.search(r'^app_info\{name="qdrant-stand-in",version="[^"]+"\} 1$', text, re.MULTILINE)


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


def value(key: str, wanted: object) -> dict[str, object]:
    return {"key": key, "match": {"value": wanted}}


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


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("POST", "/collections/c/snapshots", None, "POST /collections/c/snapshots"),
        ("PUT", "/nothing", {}, "PUT /nothing"),
        ("POST", "/collections/c/points/query", {"prefetch": []}, "`prefetch`"),
        ("POST", "/collections/c/points/query", {"query": 1}, "a query by 1"),
        ("POST", "/collections/c/points/query", {"query": {"fusion": "rrf"}}, "`fusion`"),
        ("PUT", "/collections/d", {"sparse_vectors": {}, **VECTORS}, "`sparse_vectors`"),
    ],
)
def test_what_it_does_not_know_it_refuses(
    filled: Server, method: str, path: str, body: object, words: str
) -> None:
    status, error = filled.refused(method, path, body)
    assert (status, error.startswith("this stand-in of Qdrant does not know ")) == (501, True)
    assert words in error


def test_a_body_that_is_no_json_leaves_the_connection_usable(filled: Server) -> None:
    assert filled.raw("POST", "/collections/c/points/count", "{nonsense")[0] == 400
    assert filled.raw("POST", "/collections/c/points/count", "[]")[0] == 400
    assert filled.call("POST", "/collections/c/points/count", {}) == {"count": 3}


def test_a_body_without_length_is_refused(filled: Server) -> None:
    connection = HTTPConnection("127.0.0.1", filled.port, timeout=20)
    connection.request("POST", "/collections/c/points/count", iter([b"{}"]), encode_chunked=True)
    response = connection.getresponse()
    assert (response.status, response.getheader("Connection")) == (411, "close")
    connection.close()


def test_calls_side_by_side(filled: Server) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        connection = HTTPConnection("127.0.0.1", filled.port, timeout=20)
        try:
            for each in range(20):
                point = {"id": 1000 + number * 100 + each, "vector": [number, each]}
                body = json.dumps({"points": [point]})
                connection.request("PUT", "/collections/c/points?wait=true", body)
                assert b'"completed"' in connection.getresponse().read()
                connection.request("POST", "/collections/c/points/query", json.dumps({"query": [1, 1]}))
                assert b'"points"' in connection.getresponse().read()
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert filled.call("GET", "/collections/c")["points_count"] == 3 + 8 * 20


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)])
def test_what_was_answered_survives_its_end(tmp_path: Path, signum: int, code: int) -> None:
    server = Server(tmp_path)
    server.call("PUT", "/collections/c", VECTORS)
    server.call("PUT", "/collections/gone", VECTORS)
    server.call("DELETE", "/collections/gone")
    server.call("PUT", "/collections/c/index?wait=true", {"field_name": "a", "field_schema": "keyword"})
    for number in range(50):
        point = {"id": number, "vector": [number, 1], "payload": {"a": "x"}}
        server.call("PUT", "/collections/c/points?wait=true", {"points": [point]})
    server.call("POST", "/collections/c/points/delete?wait=true", {"points": [0]})
    server.refused("PUT", "/collections/c/points?wait=true", {"points": [{"id": 1, "vector": [1]}]})
    assert server.end(signum) == code
    (tmp_path / "collections" / "half-made").mkdir()  # the state after a kill during the creation
    again = Server(tmp_path)
    assert again.call("GET", "/collections") == {"collections": [{"name": "c"}]}
    info = again.call("GET", "/collections/c")
    assert (info["points_count"], info["config"]["params"]) == (49, VECTORS)
    assert info["payload_schema"]["a"]["points"] == 49
    found = again.call("POST", "/collections/c/points/query", {"query": [1, 0], "limit": 1})
    assert found["points"][0]["id"] == 49
    assert again.end() == 0


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ("http", "QDRANT__SERVICE__HTTP_PORT='http' is not a port"),
        ("0", "cannot load edge shard"),
    ],
)
def test_what_it_cannot_start_with(tmp_path: Path, port: str, words: str) -> None:
    (tmp_path / "collections" / "c").mkdir(parents=True)
    (tmp_path / "collections" / "c" / "parameters.json").write_text("{}", encoding="utf-8")
    env = {**os.environ, "QDRANT__SERVICE__HTTP_PORT": port, "QDRANT__STORAGE__STORAGE_PATH": str(tmp_path)}
    argv = [sys.executable, "-m", "qdrant_standin"]
    done = subprocess.run(argv, cwd=RECIPES / "qdrant", env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("qdrant stand-in: ")
    assert words in done.stderr
