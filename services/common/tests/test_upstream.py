"""Calls of another service: every way they end."""

import asyncio
from collections.abc import Callable, Coroutine

import httpx2
import pytest
from aip_common import request as current
from aip_common.problems import MEDIA_TYPE, Problem
from aip_common.upstream import Upstream

pytestmark = pytest.mark.anyio
Handler = Callable[[httpx2.Request], Coroutine[None, None, httpx2.Response]]


def _upstream(handler: Handler) -> Upstream:
    return Upstream("test", "store", "http://store", transport=httpx2.MockTransport(handler))


async def _refused(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("refused", request=request)


async def _hangs(_request: httpx2.Request) -> httpx2.Response:
    await asyncio.Event().wait()
    return httpx2.Response(200)


async def _breaks(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.RemoteProtocolError("cut", request=request)


@pytest.mark.parametrize("handler", [_refused, _hangs, _breaks])
async def test_failures_name_the_upstream(handler: Handler) -> None:
    with pytest.raises(Problem) as raised:
        await _upstream(handler).call("GET", "/", seconds=0.1)
    assert (raised.value.status_code, raised.value.document()["dependency"]) == (503, "store")


async def test_the_callers_deadline_is_another_error() -> None:
    current.begin("", "50")
    with pytest.raises(Problem) as raised:
        await _upstream(_hangs).call("GET", "/", seconds=5)
    assert (raised.value.status_code, raised.value.code) == (504, "deadline_exceeded")
    current.begin("", "")


async def test_the_request_carries_id_and_deadline() -> None:
    seen: list[httpx2.Headers] = []

    async def note(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers)
        return httpx2.Response(200)

    current.begin("request-0001", "3000")
    await _upstream(note).call("POST", "/x", seconds=10, json={})
    current.begin("", "")
    assert seen[0]["x-request-id"] == "request-0001"
    assert 2000 < int(seen[0]["x-deadline-ms"]) <= 2800


@pytest.mark.parametrize(("idempotent", "attempts"), [(True, 2), (False, 1)])
async def test_connecting_is_tried_again_if_that_is_safe(*, idempotent: bool, attempts: int) -> None:
    calls = 0

    async def count(request: httpx2.Request) -> httpx2.Response:
        nonlocal calls
        calls += 1
        return await _refused(request)

    with pytest.raises(Problem):
        await _upstream(count).call("GET", "/", seconds=5, idempotent=idempotent)
    assert calls == attempts


@pytest.mark.parametrize(
    ("status", "content_type", "opens"),
    [
        (500, MEDIA_TYPE, True),
        (503, "text/plain", True),
        (503, MEDIA_TYPE, False),
        (404, "text/plain", False),
    ],
)
async def test_what_opens_the_breaker(status: int, content_type: str, *, opens: bool) -> None:
    calls = 0

    async def answer(_request: httpx2.Request) -> httpx2.Response:
        nonlocal calls
        calls += 1
        return httpx2.Response(status, headers={"content-type": content_type})

    upstream = _upstream(answer)
    for _ in range(5):
        assert (await upstream.call("GET", "/", seconds=1)).status_code == status
    if opens:
        with pytest.raises(Problem) as raised:
            await upstream.call("GET", "/", seconds=1)
        assert raised.value.extra["retry_after"] >= 9
    else:
        await upstream.call("GET", "/", seconds=1)
    assert calls == (5 if opens else 6)
