"""Run a service: one process, one uvicorn, a graceful shutdown."""

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from aip_common import logs
from aip_common.core import core_of
from aip_common.settings import S, load


def main(service: str, settings_class: type[S], create_app: Callable[[S], FastAPI]) -> None:
    """Run a service until SIGTERM or SIGINT, for `python -m <module>`."""
    settings = load(settings_class, service)
    app = create_app(settings)
    logs.configure(service, core_of(app).version, settings.log_level)
    server = DrainingServer(app)
    server.run()
    if not server.started:
        raise SystemExit(1)


class DrainingServer(uvicorn.Server):
    """A uvicorn that reports not ready and ends streams before it stops listening, and exits with 0."""

    def __init__(self, app: FastAPI) -> None:
        core = core_of(app)
        self._draining = core.readiness.draining
        self._drain_seconds = core.settings.drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        super().__init__(
            uvicorn.Config(
                app,
                host=core.settings.host,
                port=core.settings.port,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                timeout_graceful_shutdown=core.settings.graceful_seconds,
            )
        )

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until the shutdown."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as uvicorn calls it
        """Start to drain on the first signal; stop immediately on a second SIGINT."""
        if self._draining.is_set() or self._loop is None:
            self.should_exit = True
            self.force_exit = sig == signal.SIGINT
            return
        self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._draining.set()
        asyncio.get_running_loop().call_later(self._drain_seconds, self._stop)

    def _stop(self) -> None:
        # uvicorn's own handler is not used, because it raises the signal again at the end. Then the exit code
        # would depend on whether this is process 1.
        self.should_exit = True
