"""A loopback HTTP proxy in front of a real registry that makes it fail on purpose.

It forwards everything and counts what is uploaded. A rule looks at each
request and may answer it with a fault instead: an error status, silence, a
delay, a cut connection; `down()` closes the door altogether.
"""

from __future__ import annotations

import http.client
import http.server
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 1 << 16
# Longer than any test waits: a held request is let go when the proxy stops.
HELD_AT_MOST = 120.0


@dataclass(frozen=True)
class Request:
    """What a rule sees; `size` is the body's length, `at` the monotonic time of arrival in seconds."""

    method: str
    path: str
    size: int
    at: float

    def is_a(self, method: str, part: str) -> bool:
        return self.method == method and part in self.path


@dataclass(frozen=True)
class Status:
    """Answer with this status instead of the registry's."""

    code: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Silence:
    """Take the request and never answer."""


@dataclass(frozen=True)
class Delay:
    """Answer as the registry does, but only after `seconds`."""

    seconds: float


@dataclass(frozen=True)
class Cut:
    """Reset the connection after `size` bytes of the body."""

    size: int


@dataclass(frozen=True)
class Hold:
    """Forward only when `until` is set; `reached` tells the test that a request waits here."""

    reached: threading.Event
    until: threading.Event


@dataclass(frozen=True)
class Down:
    """Drop this request and refuse every connection from now on; wait for `once` before that.

    `once` is asked again whenever a request has been answered.
    """

    once: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class Lost:
    """Forward the request, and answer with this status all the same: 0 = reset the connection instead."""

    code: int = 0


Fault = Status | Silence | Delay | Cut | Hold | Down | Lost | None


class Proxy:
    """A registry's front door on a port of its own; use it in a `with` block."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.rule: Callable[[Request], Fault] = lambda _request: None
        self.seen: list[Request] = []
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._idle = threading.Condition()
        self._forwarding = 0
        self._server: http.server.ThreadingHTTPServer | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.down()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def uploaded(self) -> int:
        """Bytes of request bodies that were let through."""
        return sum(request.size for request in self.seen)

    def up(self) -> None:
        """Listen (again, on the same port)."""
        handler = type("Bound", (_Handler,), {"proxy": self})
        self._server = _Server(("127.0.0.1", self.port), handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Refuse every connection from now on and drop the open ones."""
        with self._lock:
            server, self._server = self._server, None
            connections = set(self._open)
        if server is not None:
            server.socket.close()
            threading.Thread(target=server.shutdown, daemon=True).start()
        for connection in connections:
            reset(connection)

    def forwarding(self, change: int) -> None:
        with self._idle:
            self._forwarding += change
            self._idle.notify_all()

    def wait_idle(self) -> None:
        """Wait until the registry has answered all that was forwarded to it."""
        self.wait_for(lambda: self._forwarding == 0)

    def wait_for(self, state: Callable[[], bool]) -> None:
        """Wait until answers have brought about a state."""
        with self._idle:
            if not self._idle.wait_for(state, HELD_AT_MOST):
                msg = "requests are still with the registry"
                raise RuntimeError(msg)

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def take(self, request: Request) -> Fault:
        """Judge a request, one at a time, so that rules may count."""
        with self._lock:
            fault = self.rule(request)
            if fault is None or isinstance(fault, Delay | Hold | Lost):
                self.seen.append(request)
        return fault


def reset(connection: socket.socket) -> None:
    """Close a connection as a crash does: with a reset, not with a goodbye."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
    except OSError:
        return  # it was closed already


class _Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Dropped connections are what this is for: nothing to report."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one packet
    proxy: Proxy

    def setup(self) -> None:
        super().setup()
        self.proxy.opened(self.connection)

    def finish(self) -> None:
        self.proxy.closed(self.connection)
        super().finish()

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing; what was seen is in `Proxy.seen`."""

    def _serve(self) -> None:
        self.proxy.forwarding(+1)
        try:
            self._judge()
        finally:
            self.proxy.forwarding(-1)

    def _judge(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        fault = self.proxy.take(Request(self.command, self.path, size, time.monotonic()))
        match fault:
            case Status():
                self.rfile.read(size)
                self._answer(fault.code, fault.headers, fault.body.encode())
            case Silence():
                self.proxy.stopped.wait(HELD_AT_MOST)
                self._drop()
            case Cut():
                self.rfile.read(min(fault.size, size))
                self._drop()
            case Down():
                self.proxy.wait_for(fault.once)
                self.proxy.down()
                self._drop()
            case Delay():
                self.proxy.stopped.wait(fault.seconds)
                self._forward(size)
            case Hold():
                fault.reached.set()
                fault.until.wait(HELD_AT_MOST)
                self._forward(size)
            case Lost():
                self._forward(size, lost=fault.code)
            case None:
                self._forward(size)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the base class's names

    def _forward(self, size: int, *, lost: int | None = None) -> None:
        upstream = http.client.HTTPConnection("127.0.0.1", self.proxy.upstream, timeout=HELD_AT_MOST)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders()
            while size > 0:
                chunk = self.rfile.read(min(CHUNK, size))
                if not chunk:
                    return
                upstream.send(chunk)
                size -= len(chunk)
            response = upstream.getresponse()
            body = response.read()
            if lost == 0:
                self._drop()
            elif lost:
                self._answer(lost, {}, b"<html>\r\n<center>nginx</center>\r\n</html>\r\n")
            else:
                self._answer(response.status, dict(response.getheaders()), body)
        except OSError:
            self._drop()
        finally:
            upstream.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        length = headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _drop(self) -> None:
        self.close_connection = True
        reset(self.connection)
