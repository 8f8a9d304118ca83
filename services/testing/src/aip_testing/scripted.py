"""A service for tests of the gateway that records requests and behaves as requested."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aip_common import identity, sse
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from aip_testing.values import SECRET


@dataclass
class Service:
    """The service. A body `{"do": …}` determines its behavior."""

    seen: list[dict[str, Any]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    disconnected: threading.Event = field(default_factory=threading.Event)

    def app(self) -> FastAPI:
        """Return the application."""
        app = FastAPI()
        app.add_api_route("/{path:path}", self.answer, methods=["GET", "POST", "DELETE"])
        return app

    async def answer(self, request: Request, path: str) -> Response:
        """Record the request and respond."""
        body = await request.json() if await request.body() else {}
        seen = {"method": request.method, "path": f"/{path}", "query": request.url.query}
        self.seen.append({**seen, "headers": dict(request.headers), "body": body})
        match body.get("do"):
            case "wait":
                await asyncio.to_thread(self.released.wait, 20)
            case "stream":
                return StreamingResponse(self._events(body), media_type="text/event-stream")
            case "create":
                return JSONResponse(
                    {"job_id": "1"}, 202, {"location": "/jobs/1", "retry-after": "2", "x-inner": "no"}
                )
            case "refuse":
                return JSONResponse({}, body["status"])
            case "break":
                return StreamingResponse(self._broken(), headers={"content-length": "100"})
        return JSONResponse({"usage": {"input_tokens": 3, "output_tokens": 4}, "model": "m"})

    def caller(self, audience: str) -> identity.Caller:
        """Return the caller of the last request's token, which must be for this audience."""
        return identity.verify(SECRET, audience, self.seen[-1]["headers"][identity.HEADER.lower()])

    async def _events(self, body: dict[str, Any]) -> AsyncIterator[bytes]:
        try:
            yield sse.event("delta", {"content": "first"})
            await asyncio.to_thread(self.released.wait, 20)
            if body.get("cut"):
                raise ConnectionAbortedError
            yield sse.event("usage", {"input_tokens": 5, "output_tokens": 6, "model": "m"})
            yield sse.event("done", {})
        except asyncio.CancelledError:
            self.disconnected.set()
            self.released.set()
            raise

    async def _broken(self) -> AsyncIterator[bytes]:
        yield b"{"
        raise ConnectionAbortedError
