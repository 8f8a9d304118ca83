"""Server-sent events: a stream with heartbeats that ends on shutdown and reports why it ended early."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import structlog
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.types import Receive, Scope, Send

from aip_common.problems import Problem, internal_error

HEARTBEAT_SECONDS = 15.0
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

log = structlog.get_logger()


def event(name: str, data: Any, event_id: str | None = None) -> bytes:  # noqa: ANN401 - any JSON value
    """Encode an event."""
    return format_sse_event(event=name, data_str=json.dumps(data, ensure_ascii=False), id=event_id)


def error(problem: Problem) -> bytes:
    """Encode the last event of a failed stream, with the problem document as data."""
    return event("error", problem.document())


def shutting_down() -> Problem:
    """Return the problem with which a stream ends on shutdown."""
    return Problem(503, "shutting_down", "this process is shutting down; try again", retry_after=1)


class EventStream(StreamingResponse):
    """A response that sends the frames of an async generator as `text/event-stream`.

    A problem raised by the generator becomes a last `error` event. `close` is always awaited at the end, even
    if the client never read a byte.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        frames: AsyncIterator[bytes],
        draining: asyncio.Event,
        close: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._close = close
        super().__init__(_guarded(frames, draining), headers=HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream, then close its source."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self._close:
                with anyio.move_on_after(1, shield=True):
                    await self._close()


async def _guarded(frames: AsyncIterator[bytes], draining: asyncio.Event) -> AsyncIterator[bytes]:
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=8)
    pump = asyncio.create_task(_pump(frames, queue))
    watch = asyncio.create_task(_end_when_draining(draining, pump, queue))
    try:
        while True:
            try:
                frame = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                frame = KEEPALIVE_COMMENT
            if frame is None:
                return
            yield frame
    finally:
        for task in (watch, pump):
            task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.gather(watch, pump, return_exceptions=True)


async def _pump(frames: AsyncIterator[bytes], queue: asyncio.Queue[bytes | None]) -> None:
    try:
        async for frame in frames:
            await queue.put(frame)
    except Problem as problem:
        await queue.put(error(problem))
    except Exception:
        log.exception("stream failed")
        await queue.put(error(internal_error()))
    await queue.put(None)


async def _end_when_draining(
    draining: asyncio.Event, pump: asyncio.Task[None], queue: asyncio.Queue[bytes | None]
) -> None:
    await draining.wait()
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)
    await queue.put(error(shutting_down()))
    await queue.put(None)
