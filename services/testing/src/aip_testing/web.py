"""Serve applications, each with a real uvicorn in a thread with its own event loop."""

import asyncio
import socket
import threading
import time

import pytest
import uvicorn
from starlette.types import ASGIApp

START_SECONDS = 60.0


class Servers:
    """Applications that run on loopback ports until `stop`."""

    def __init__(self) -> None:
        self._running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(self, app: ASGIApp) -> str:
        """Start an application and return its base URL."""
        # With a given protocol asyncio sets TCP_NODELAY; otherwise each response waits for 40 ms.
        listener = socket.socket(proto=socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=1
        )
        server = _Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._running.append((server, thread))
        thread.start()
        _wait(server, thread)
        return f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        """Stop all applications in parallel; fail the test if one does not stop."""
        for server, _ in self._running:
            server.should_exit = True
        for _, thread in reversed(self._running):
            thread.join(START_SECONDS)
            if thread.is_alive():
                pytest.fail("uvicorn did not stop", pytrace=False)


class _Server(uvicorn.Server):
    async def main_loop(self) -> None:
        """Poll more often than every 0.1 s, because a suite stops hundreds of servers."""
        while not await self.on_tick(0):  # noqa: ASYNC110 - uvicorn has a flag, no event
            await asyncio.sleep(0.01)


def _wait(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            pytest.fail("the application did not start; its log says why", pytrace=False)
        time.sleep(0.01)
