"""Streams of events from a real server."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest
from aip_common import app as common
from aip_common import sse
from aip_common.core import core_of
from aip_common.problems import dependency_unavailable
from aip_common.settings import Settings
from fastapi import APIRouter, FastAPI, Request
from pydantic import SecretStr

closed = threading.Event()
router = APIRouter()


async def _frames(kind: str) -> AsyncIterator[bytes]:
    yield sse.event("delta", {"text": "ä\nb"}, "7")
    if kind == "problem":
        raise dependency_unavailable("store")
    if kind == "bug":
        raise RuntimeError("secret detail")
    if kind == "endless":
        while True:
            await _never()
    yield sse.event("done", {})


async def _never() -> None:
    import asyncio  # noqa: PLC0415

    await asyncio.Event().wait()


@router.get("/stream/{kind}")
async def stream(request: Request, kind: str) -> sse.EventStream:
    async def close() -> None:
        closed.set()

    return sse.EventStream(_frames(kind), core_of(request).readiness.draining, close)


@pytest.fixture
def app() -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    closed.clear()
    settings = Settings(internal_token_secret=SecretStr("0123456789abcdef" * 2))
    return common.create_app("aip-common", settings, routers=[router], lifespan=lifespan)


@pytest.fixture
def url(app: FastAPI, serve: Callable[[FastAPI], str]) -> str:
    return serve(app)


def test_form(url: str) -> None:
    answer = httpx2.get(f"{url}/stream/good")
    assert answer.text == 'event: delta\ndata: {"text": "ä\\nb"}\nid: 7\n\nevent: done\ndata: {}\n\n'
    assert answer.headers["cache-control"] == "no-cache"
    assert closed.wait(5)


@pytest.mark.parametrize(("kind", "code"), [("problem", "dependency_unavailable"), ("bug", "internal_error")])
def test_a_failure_is_the_last_event(url: str, kind: str, code: str) -> None:
    *_, last = httpx2.get(f"{url}/stream/{kind}").text.strip().split("\n\n")
    assert last.startswith("event: error\n")
    assert f'"code": "{code}"' in last
    assert "secret detail" not in last


def test_heartbeat_and_drain(app: FastAPI, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.1)
    with httpx2.stream("GET", f"{url}/stream/endless") as answer:
        chunks = answer.iter_text()
        assert next(chunks).startswith("event: delta")
        assert next(chunks) == ": ping\n\n"
        assert not closed.is_set()
        core_of(app).readiness.draining.set()
        rest = "".join(chunks)
    assert '"code": "shutting_down"' in rest
    assert closed.wait(5)


def test_a_reader_that_goes_away_ends_the_stream(url: str) -> None:
    with httpx2.stream("GET", f"{url}/stream/endless") as answer:
        assert next(answer.iter_text()).startswith("event: delta")
    assert closed.wait(10)
