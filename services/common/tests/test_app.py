"""The application every service starts from, served by a real uvicorn."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Annotated

import httpx2
import pytest
from aip_common import app as common
from aip_common.core import core_of
from aip_common.identity import HEADER, Caller, CallerDep, issue
from aip_common.problems import Problem, dependency_unavailable
from aip_common.settings import Settings
from fastapi import APIRouter, Body, FastAPI
from pydantic import SecretStr

SECRET = SecretStr("0123456789abcdef0123456789abcdef")
SERVICE = "aip-common"
router = APIRouter()


@router.get("/items/{item}")
async def item(item: int) -> dict[str, int]:
    return {"item": item}


@router.post("/echo")
async def echo(text: Annotated[str, Body(embed=True)]) -> dict[str, int]:
    return {"length": len(text)}


@router.get("/broken")
async def broken() -> None:
    raise RuntimeError("a secret detail")


@router.get("/away")
async def away() -> None:
    raise dependency_unavailable("store")


@router.get("/me")
async def me(caller: CallerDep) -> dict[str, str]:
    return {"tenant": caller.tenant}


async def fails() -> None:
    raise ConnectionRefusedError


@pytest.fixture
def app() -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    settings = Settings(internal_token_secret=SECRET, max_body_bytes=1024)
    return common.create_app(
        SERVICE, settings, routers=[router], lifespan=lifespan, body_limits={"/echo": 2048}
    )


@pytest.fixture
def http(app: FastAPI, serve: Callable[[FastAPI], str]) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=serve(app)) as client:
        yield client


def test_health(http: httpx2.Client) -> None:
    answer = http.get("/health")
    assert answer.json() == {"status": "ok", "service": SERVICE, "version": "0.1.0", "revision": "unknown"}


def test_ready_names_what_is_down(app: FastAPI, http: httpx2.Client) -> None:
    core_of(app).readiness.add("store", fails)
    core_of(app).readiness.add("cache", fails, required=lambda: False)
    gauge = 'aip_dependency_up{dependency="store",service="aip-common"} 0.0'
    assert gauge in http.get("/metrics").text, "known without anybody asking for readiness"
    answer = http.get("/ready")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "not ready: store"
    assert answer.json()["checks"]["store"]["error"] == "ConnectionRefusedError"


def test_ready_while_draining(app: FastAPI, http: httpx2.Client) -> None:
    assert http.get("/ready").json() == {"status": "ready", "checks": {}}
    core_of(app).readiness.draining.set()
    assert http.get("/ready").json()["code"] == "draining"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("DELETE", "/echo", 405, "method_not_allowed"),
        ("GET", "/items/x", 422, "validation_error"),
        ("GET", "/broken", 500, "internal_error"),
        ("GET", "/away", 503, "dependency_unavailable"),
        ("GET", "/me", 401, "unauthenticated"),
    ],
)
def test_every_error_is_a_problem(
    http: httpx2.Client, method: str, path: str, status: int, code: str
) -> None:
    answer = http.request(method, path, headers={"X-Request-ID": "test-1234"})
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"urn:aip:problem:{code}"
    assert problem["instance"] == answer.headers["x-request-id"] == "test-1234"
    assert "secret detail" not in answer.text


def test_malformed_json_does_not_come_back(http: httpx2.Client) -> None:
    answer = http.post("/echo", content=b'{"text": "private', headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert "private" not in answer.text


@pytest.mark.parametrize("announced", [True, False])
def test_body_limit(http: httpx2.Client, *, announced: bool) -> None:
    body = b'{"text": "' + b"x" * 3000 + b'"}'
    answer = http.post(
        "/echo",
        content=body if announced else iter([body[:1000], body[1000:]]),
        headers={"content-type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["limit"] == 2048
    assert http.post("/echo", json={"text": "x" * 1500}).json() == {"length": 1500}


def test_the_refusal_reaches_a_client_that_is_still_sending(http: httpx2.Client) -> None:
    size = 12 * 1024 * 1024
    with socket.create_connection((http.base_url.host, http.base_url.port or 0), 10) as connection:
        connection.sendall(f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
        connection.sendall(b"x" * size)
        received = b""
        while block := connection.recv(65536):
            received += block
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"body_too_large"' in received


@pytest.mark.parametrize("given", ["", "short", "has spaces in it", "x" * 65, "no/slashes/here"])
def test_unacceptable_request_ids_are_replaced(http: httpx2.Client, given: str) -> None:
    first, second = (
        http.get("/health", headers={"X-Request-ID": given}).headers["x-request-id"] for _ in "ab"
    )
    assert len(first) == 32
    assert first != given
    assert first < second


def test_internal_token(http: httpx2.Client) -> None:
    caller = Caller("key-1", "acme", frozenset({"chat"}))
    assert http.get("/me", headers={HEADER: issue(SECRET, SERVICE, caller)}).json() == {"tenant": "acme"}
    for token in (issue(SECRET, "other", caller), issue(SecretStr("x" * 32), SERVICE, caller), "nonsense"):
        answer = http.get("/me", headers={HEADER: token})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_metrics_use_route_templates(http: httpx2.Client) -> None:
    for path in ("/items/1", "/items/2", "/nowhere/1"):
        http.get(path)
    http.request("PROPFIND", "/items/1")
    text = http.get("/metrics").text
    assert (
        'http_server_requests_total{method="GET",route="/items/{item}",service="aip-common",status="200"} 2.0'
        in text
    )
    assert 'route="unmatched"' in text
    assert 'method="other"' in text
    assert "/nowhere" not in text
    assert "/items/1" not in text


def test_docs_are_off_in_production(http: httpx2.Client) -> None:
    assert http.get("/docs").status_code == http.get("/openapi.json").status_code == 404


def test_problem_extra_members() -> None:
    problem = Problem(503, "code", "text", retry_after=3, dependency="redis")
    assert problem.document() | {"instance": ""} == {
        "type": "urn:aip:problem:code",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "text",
        "instance": "",
        "code": "code",
        "retry_after": 3,
        "dependency": "redis",
    }
    assert problem.headers == {"Retry-After": "3"}
