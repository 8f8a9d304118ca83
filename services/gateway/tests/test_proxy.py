"""What goes to the services and what comes back."""

import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx2
import pytest
from aip_testing.gateway import Gateway
from aip_testing.scripted import Service
from aip_testing.values import eventually
from gateway.routes import ROUTES

CHAT = "/v1/assistant/chat"


def test_routes(user: httpx2.Client, service: Service) -> None:
    for route in ROUTES:
        path = route.public_path.format(id="a-1")
        assert user.request(route.method, path, params={"q": "a b"}).status_code == 200
        seen = service.seen[-1]
        assert (seen["method"], seen["path"]) == (route.method, route.path.format(id="a-1"))
        assert httpx2.QueryParams(seen["query"])["q"] == "a b"
        assert service.caller(route.service).tenant == "acme"


def test_what_a_service_is_sent(user: httpx2.Client, service: Service) -> None:
    forged = {
        "X-AIP-Token": "forged",
        "X-AIP-Anything": "forged",
        "Cookie": "session=1",
        "Idempotency-Key": "abc",
        "Last-Event-ID": "7",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "X-Request-ID": "request-0001",
        "X-Deadline-Ms": "5000",
    }
    answer = user.post(CHAT, json={"text": "ä"}, headers=forged)
    headers = service.seen[0]["headers"]
    assert service.seen[0]["body"] == {"text": "ä"}
    assert answer.headers["x-request-id"] == headers["x-request-id"] == "request-0001"
    assert (headers["idempotency-key"], headers["last-event-id"]) == ("abc", "7")
    assert headers["traceparent"] == forged["traceparent"]
    assert 4000 < int(headers["x-deadline-ms"]) <= 4800
    assert service.caller("assistant-service").tenant == "acme"
    for name in ("authorization", "cookie", "x-aip-anything"):
        assert name not in headers


def test_location_and_headers_come_back(user: httpx2.Client) -> None:
    answer = user.post("/v1/research/jobs", json={"do": "create"})
    assert (answer.status_code, answer.json()) == (202, {"job_id": "1"})
    assert answer.headers["location"] == "/v1/research/jobs/1"
    assert answer.headers["retry-after"] == "2"
    assert "x-inner" not in answer.headers


def test_paths_that_lead_nowhere(user: httpx2.Client, service: Service) -> None:
    for method, path, status, code in [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/assistant/metrics", 404, "not_found"),
        ("GET", "/v1/knowledge/documents/..%2f..%2fmetrics", 404, "not_found"),
        ("GET", "/v1/knowledge/documents/%2e%2e", 404, "not_found"),
        ("PUT", "/v1/assistant/chat", 405, "method_not_allowed"),
    ]:
        answer = user.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert service.seen == []


@pytest.mark.parametrize("announced", [True, False])
def test_body_too_large(user: httpx2.Client, service: Service, *, announced: bool) -> None:
    block = b"x" * 65536
    body = block * 17
    answer = user.post(CHAT, content=body if announced else iter([block] * 17))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.headers["content-type"] == "application/problem+json"
    assert service.seen == []
    document = {"text": "x" * (2 * 1024 * 1024)}
    assert user.post("/v1/knowledge/documents", json=document).status_code == 200, "documents may be larger"


@pytest.mark.parametrize("status", [401, 403])
def test_a_service_that_refuses_the_gateway(user: httpx2.Client, status: int) -> None:
    answer = user.post(CHAT, json={"do": "refuse", "status": status})
    assert (answer.status_code, answer.json()["code"]) == (502, "bad_gateway")


def test_a_service_that_breaks_off(user: httpx2.Client) -> None:
    answer = user.post(CHAT, json={"do": "break"})
    assert (answer.status_code, answer.json()["dependency"]) == (503, "assistant-service")


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_service_that_is_down(start: Callable[..., Gateway]) -> None:
    gateway = start(assistant_url=f"http://127.0.0.1:{_closed_port()}")
    with gateway.client(gateway.new_key()["key"]) as user:
        for _ in range(6):
            answer = user.post(CHAT, json={})
            assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
            assert answer.json()["dependency"] == "assistant-service"
        assert int(answer.headers["retry-after"]) >= 8, "after five failures the breaker is open"
        assert user.get("/v1/agents/tools").status_code == 200, "the others go on"
    metrics = gateway.http.get("/metrics").text
    assert 'aip_circuit_breaker_state{service="gateway",upstream="assistant-service"} 2.0' in metrics
    assert gateway.http.get("/ready").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "calls"), [("GET", "/v1/assistant/profiles", 2), ("POST", CHAT, 1)]
)
def test_only_idempotent_calls_are_tried_again(
    start: Callable[..., Gateway], method: str, path: str, calls: int
) -> None:
    gateway = start(agent_url="http://127.0.0.1:1", assistant_url=f"http://127.0.0.1:{_closed_port()}")
    before = _unreachable(gateway)
    with gateway.client(gateway.new_key()["key"]) as user:
        assert user.request(method, path).status_code == 503
    assert _unreachable(gateway) == before + calls


def _unreachable(gateway: Gateway) -> float:
    name = "http_client_request_duration_seconds_count"
    labels = '{outcome="unreachable",service="gateway",upstream="assistant-service"}'
    lines = [
        line for line in gateway.http.get("/metrics").text.splitlines() if line.startswith(name + labels)
    ]
    return float(lines[0].rsplit(" ", 1)[1]) if lines else 0


def test_the_gateways_deadline(start: Callable[..., Gateway]) -> None:
    gateway = start(json_seconds=0.3)
    with gateway.client(gateway.new_key()["key"]) as user:
        started = time.monotonic()
        answer = user.post(CHAT, json={"do": "wait"})
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
        assert time.monotonic() - started < 2


def test_the_callers_deadline(user: httpx2.Client) -> None:
    answer = user.post(CHAT, json={"do": "wait"}, headers={"X-Deadline-Ms": "300"})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")


def test_a_stream_is_passed_on_as_it_comes(user: httpx2.Client, service: Service) -> None:
    with user.stream("POST", CHAT, json={"do": "stream"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "ratelimit" in answer.headers
        chunks = answer.iter_text()
        assert next(chunks) == 'event: delta\ndata: {"content": "first"}\n\n'
        assert not service.released.is_set(), "the service has not sent the rest yet"
        service.released.set()
        rest = "".join(chunks)
    assert [line for line in rest.splitlines() if line.startswith("event")] == ["event: usage", "event: done"]


def test_a_stream_that_breaks_off_says_so(user: httpx2.Client, service: Service) -> None:
    service.released.set()
    text = user.post(CHAT, json={"do": "stream", "cut": True}).text
    *_, last = text.strip().split("\n\n")
    assert last.startswith("event: error\ndata: ")
    assert '"code": "dependency_unavailable"' in last


def test_a_stream_that_takes_too_long(start: Callable[..., Gateway]) -> None:
    gateway = start(stream_seconds=0.3)
    with gateway.client(gateway.new_key()["key"]) as user:
        text = user.post(CHAT, json={"do": "stream"}).text
    assert '"code": "deadline_exceeded"' in text


def test_a_client_that_goes_away(gateway: Gateway, service: Service) -> None:
    key = gateway.new_key()["key"]
    address = urlsplit(gateway.url)
    body = b'{"do": "stream"}'
    headers = f"Host: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(body)}"
    head = f"POST {CHAT} HTTP/1.1\r\n{headers}\r\n\r\n"
    with socket.create_connection((address.hostname or "", address.port or 0), 5) as connection:
        connection.sendall(head.encode() + body)
        received = b""
        while b"first" not in received:
            received += connection.recv(4096)
    assert service.disconnected.wait(10), "the service's stream goes on although nobody reads it"
    active = 'http_server_active_requests{service="gateway"} 1.0'
    assert eventually(lambda: active in gateway.http.get("/metrics").text)
