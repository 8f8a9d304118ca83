"""The stand-in as a service: its start and end, its probes, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from airgap.recipe import RECIPES
from tests.airgap.qdrant.server import VECTORS, Server

if TYPE_CHECKING:
    from pathlib import Path


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
    try:
        # The head alone: the answer needs no body, and a body would race with the close of the connection.
        connection.putrequest("POST", "/collections/c/points/count")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        response = connection.getresponse()
        assert (response.status, response.getheader("Connection")) == (411, "close")
    finally:
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
