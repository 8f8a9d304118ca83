"""Forward a request to its service, and the response back, complete or streamed."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Final

import httpx2
from aip_common import identity, sse
from aip_common import request as current
from aip_common.core import core_of
from aip_common.identity import Caller
from aip_common.problems import Problem, deadline_exceeded, dependency_unavailable
from fastapi import Request
from fastapi.responses import Response

from gateway.context import Context
from gateway.routes import Route
from gateway.usage import Record, Tokens, now

# Only these headers are forwarded, so X-AIP-… and Authorization of a client never reach a service.
_REQUEST_HEADERS: Final = (
    "accept", "content-type", "idempotency-key", "last-event-id", "traceparent", "tracestate",
)  # fmt: skip
_RESPONSE_HEADERS: Final = ("cache-control", "content-type", "etag", "retry-after")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_MAX_FRAME_BYTES: Final = 1024 * 1024
_STREAM = "text/event-stream"


async def forward(request: Request, route: Route, caller: Caller, context: Context) -> Response:
    """Return the service's response. Raise a problem if there is none."""
    settings, upstream = context.settings, context.upstreams[route.service]
    # The time is limited from here on, by the client's X-Deadline-Ms or by the setting.
    current.limit_to(settings.json_seconds)
    headers = {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
    headers["accept-encoding"] = "identity"
    headers[identity.HEADER] = identity.issue(settings.internal_token_secret, route.service, caller)
    answer = await upstream.call(
        request.method,
        _path(request, route),
        seconds=settings.json_seconds + 1,
        idempotent=request.method != "POST" or "idempotency-key" in request.headers,
        stream=True,
        headers=headers,
        params=request.url.query,
        content=await request.body(),
    )
    exchange = _Exchange(route, caller, context, answer)
    if answer.headers.get("content-type", "").startswith(_STREAM):
        draining = core_of(request).readiness.draining
        return sse.EventStream(exchange.frames(), draining, answer.aclose)
    return await exchange.whole()


def _path(request: Request, route: Route) -> str:
    identifier = request.path_params.get("id", "x")
    if not _ID.fullmatch(identifier):
        raise Problem(404, "not_found", "there is nothing of this id")
    return route.path.format(id=identifier)


class _Exchange:
    """A response of a service."""

    def __init__(self, route: Route, caller: Caller, context: Context, answer: httpx2.Response) -> None:
        self._route = route
        self._caller = caller
        self._context = context
        self._answer = answer

    async def whole(self) -> Response:
        """Return a response that is not a stream."""
        try:
            async with asyncio.timeout(current.seconds_left(self._context.settings.json_seconds)):
                body = await self._answer.aread()
        except (TimeoutError, httpx2.ReadTimeout) as error:
            raise deadline_exceeded() from error
        except httpx2.HTTPError as error:
            raise dependency_unavailable(self._route.service) from error
        finally:
            await self._answer.aclose()
        if self._answer.status_code in (401, 403):
            raise Problem(502, "bad_gateway", f"{self._route.service} does not accept the gateway's token")
        self._record(Tokens.of_answer(body))
        return Response(body, self._answer.status_code, self._headers())

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield a stream's events as soon as each is complete."""
        tokens = Tokens()
        try:
            async with asyncio.timeout(self._context.settings.stream_seconds):
                async for frame in _split(self._answer.aiter_raw()):
                    tokens = Tokens.of_event(frame) or tokens
                    yield frame
        except (TimeoutError, httpx2.ReadTimeout) as error:
            raise deadline_exceeded() from error
        except httpx2.HTTPError as error:
            raise dependency_unavailable(self._route.service) from error
        finally:
            self._record(tokens)

    def _headers(self) -> dict[str, str]:
        headers = {
            name: self._answer.headers[name] for name in _RESPONSE_HEADERS if name in self._answer.headers
        }
        location = self._answer.headers.get("location", "")
        return {**headers, "location": self._route.prefix + location} if location.startswith("/") else headers

    def _record(self, tokens: Tokens) -> None:
        status = self._answer.status_code
        if self._route.method == "POST" and status < 400:  # noqa: PLR2004 - what was refused cost nothing
            caller, path = self._caller, self._route.public_path
            self._context.usage.add(Record(caller.tenant, caller.key_id, path, status, tokens, now()))


async def _split(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield complete events, because a heartbeat must not be sent between the parts of one."""
    rest = b""
    async for chunk in chunks:
        *frames, rest = (rest + chunk).split(b"\n\n")
        for frame in frames:
            yield frame + b"\n\n"
        if len(rest) > _MAX_FRAME_BYTES:
            raise httpx2.DecodingError("an event of more than 1 MiB")
    if rest:
        yield rest
