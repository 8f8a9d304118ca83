"""The outermost layer of every service: request id, body limit, log line, metrics, last-resort error."""

import asyncio
import contextlib
import time
from collections.abc import Mapping

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aip_common import metrics
from aip_common import request as current
from aip_common.problems import Problem, internal_error

_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
_UNLOGGED = {"/health", "/ready", "/metrics"}
_CLIENT_GONE = 499
_DISCARD_BYTES = 16 * 1024 * 1024
_DISCARD_SECONDS = 2.0

log = structlog.get_logger()


class RequestMiddleware:
    """Handle everything about a request that is common to all services."""

    def __init__(
        self, app: ASGIApp, *, service: str, max_body_bytes: int, body_limits: Mapping[str, int]
    ) -> None:
        self._app = app
        self._service = service
        self._max_body_bytes = max_body_bytes
        self._body_limits = body_limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve an ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = current.begin(
            headers.get(current.ID_HEADER, ""), headers.get(current.DEADLINE_HEADER, "")
        )
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id, **_trace(headers))
        limit = self._body_limits.get(scope["path"], self._max_body_bytes)
        body = _Body(headers, receive, limit)
        exchange = _Exchange(self._service, scope, send, request_id, body)
        with metrics.ACTIVE.labels(self._service).track_inprogress():
            try:
                await self._app(scope, body.receive, exchange.send)
            except Exception:
                log.exception("unhandled error")
                if exchange.status:
                    raise  # part of the response is sent, so only closing the connection signals the error
                await internal_error().response()(scope, receive, exchange.send)
            finally:
                exchange.finish()


class _Exchange:
    """Observe the response."""

    def __init__(self, service: str, scope: Scope, send: Send, request_id: str, body: "_Body") -> None:
        self.status = 0
        self._body = body
        self._first_byte_out = False
        self._service = service
        self._scope = scope
        self._send = send
        self._request_id = request_id
        self._started = time.perf_counter()

    async def send(self, message: Message) -> None:
        """Send a message; add the request id to the headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)[current.ID_HEADER] = self._request_id
        elif not self._first_byte_out:
            self._first_byte_out = True
            metrics.FIRST_BYTE_SECONDS.labels(self._service, self._route()).observe(self._elapsed())
        if self._body.refused and not message.get("more_body", False) and "body" in message:
            await self._send({**message, "more_body": True})
            await self._body.discard()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    def finish(self) -> None:
        """Count and log the request."""
        method = self._scope["method"] if self._scope["method"] in _METHODS else "other"
        route, status, elapsed = self._route(), self.status or _CLIENT_GONE, self._elapsed()
        metrics.REQUESTS.labels(self._service, method, route, str(status)).inc()
        metrics.REQUEST_SECONDS.labels(self._service, method, route).observe(elapsed)
        write = log.debug if route in _UNLOGGED else log.info
        write("request", method=method, route=route, status=status, duration_ms=round(elapsed * 1000, 1))

    def _route(self) -> str:
        return getattr(self._scope.get("route"), "path", "unmatched")

    def _elapsed(self) -> float:
        return time.perf_counter() - self._started


def _trace(headers: Headers) -> dict[str, str]:
    parts = headers.get("traceparent", "").split("-")
    return {"trace_id": parts[1]} if len(parts) == 4 else {}  # noqa: PLR2004 - W3C Trace Context


class _Body:
    """The request's body, rejected if it exceeds the limit, with or without Content-Length."""

    def __init__(self, headers: Headers, receive: Receive, limit: int) -> None:
        announced = headers.get("content-length", "")
        self.refused = False
        self._announced = int(announced) if announced.isdigit() else 0
        self._receive = receive
        self._limit = limit
        self._seen = 0
        self._ended = False

    async def receive(self) -> Message:
        """Return the next message of the request. Raise the 413 problem if the body is too large."""
        message: Message = {} if self._announced > self._limit else await self._next()
        if self._announced > self._limit or self._seen > self._limit:
            self.refused = True
            text = f"the body is larger than {self._limit} bytes"
            # The rest of the body may still arrive, so the connection is not reused.
            raise Problem(413, "body_too_large", text, headers={"Connection": "close"}, limit=self._limit)
        return message

    async def discard(self) -> None:
        """Read what the client is still sending, because closing now could discard the response."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DISCARD_SECONDS):
                while not self._ended and self._seen < self._limit + _DISCARD_BYTES:
                    await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        return message
