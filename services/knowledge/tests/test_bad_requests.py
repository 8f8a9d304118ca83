import json
from contextlib import closing
from http.client import HTTPConnection

import httpx2
import pytest
from aip_testing.stub import Stub

MIB = 1024 * 1024
DOCUMENT = {"title": "Tea", "text": "Green tea."}


def refused(answer: httpx2.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["code"] == code


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/documents", b"{"),
        ("/documents", b"[]"),
        ("/documents", b'{"title": "Tea"}'),
        ("/documents", b'{"title": "Tea", "text": " "}'),
        ("/documents", b'{"title": "Tea", "text": "x", "document_id": "../x"}'),
        ("/documents", b'{"title": "Tea", "text": "x", "metadata": {"a": NaN}}'),
        ("/documents", rb'{"title": "Tea", "text": "half a pair: \ud800"}'),
        ("/search", b'{"query": ""}'),
        ("/search", b'{"query": "x", "top_k": 21}'),
        ("/search", b'{"query": "x", "top_k": 0}'),
        ("/search", b'{"query": "x", "filter": {"a.b": 1}}'),
        ("/search", b'{"query": "x", "filter": {"a": 1.5}}'),
        ("/search", b'{"query": "x", "tenant": "rival"}'),
        ("/answer", b'{"question": "x", "stream": "perhaps"}'),
    ],
)
def test_a_body_that_is_wrong_is_refused_before_anything_is_done(
    path: str, body: bytes, client: httpx2.Client, openai_stub: Stub
) -> None:
    headers = {"content-type": "application/json"}
    refused(client.post(path, content=body, headers=headers), 422, "validation_error")
    assert openai_stub.requests() == []


@pytest.mark.parametrize(("path", "limit"), [("/search", MIB), ("/documents", 4 * MIB)])
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_a_document_may_be_larger_than_other_bodies_but_not_without_end(
    path: str, limit: int, client: httpx2.Client, *, announced: bool
) -> None:
    url = client.base_url
    with closing(HTTPConnection(url.host, url.port, timeout=30)) as connection:
        connection.putrequest("POST", path)
        connection.putheader("X-AIP-Token", client.headers["X-AIP-Token"])
        if announced:
            connection.putheader("Content-Length", str(limit + 1))
            connection.endheaders()
        else:
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            connection.send(b"%x\r\n%b\r\n" % (limit + 1, b" " * (limit + 1)))
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["code"]) == (413, "body_too_large")


def test_a_large_document_is_stored(client: httpx2.Client) -> None:
    assert client.post("/documents", json={**DOCUMENT, "text": "tea " * (MIB // 3)}).status_code == 201


@pytest.mark.parametrize("token", ["", "not-a-token"])
def test_who_does_not_come_through_the_gateway_is_refused(token: str, client: httpx2.Client) -> None:
    for method, path in (
        ("POST", "/search"),
        ("POST", "/documents"),
        ("POST", "/answer"),
        ("GET", "/documents/x"),
    ):
        refused(client.request(method, path, headers={"X-AIP-Token": token}), 401, "unauthenticated")


def test_an_unknown_route_and_method_are_problems_too(client: httpx2.Client) -> None:
    refused(client.get("/nothing"), 404, "not_found")
    refused(client.get("/search"), 405, "method_not_allowed")
    assert client.get("/documents/a%20b").status_code == 422


def test_texts_and_secrets_do_not_get_into_the_log(
    client: httpx2.Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    client.post("/documents", json={"title": "Marigold", "text": "The marigold is secret."})
    client.post("/search", json={"query": "marigold", "filter": {"a": "marigold"}})
    client.post("/answer", json={"question": "marigold?"})
    client.post("/search", json={"marigold": "marigold"})
    client.get("/documents/last")  # by now those before it are logged
    logged = caplog.text + "".join(capfd.readouterr())
    assert "request" in logged
    assert "arigold" not in logged
    assert client.headers["X-AIP-Token"] not in logged
