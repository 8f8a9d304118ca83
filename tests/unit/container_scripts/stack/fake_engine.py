"""A Docker Engine that gives prepared answers, on a Unix socket."""

from __future__ import annotations

import json
import queue
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
RAW = "application/vnd.docker.raw-stream"


def frame(payload: bytes, stream: int = 1) -> bytes:
    """Return a piece of a log of a container without a terminal."""
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


@dataclass(frozen=True)
class Request:
    """What the engine was sent."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    content_type: str


@dataclass(frozen=True)
class Answer:
    """An answer, sent in these pieces; each is one chunk of HTTP."""

    pieces: Iterable[bytes]
    status: int = 200
    content_type: str = "application/json"


class Events:
    """A stream that stays open until it is closed, of one line of JSON for each event."""

    def __init__(self) -> None:
        self._queue: queue.Queue[bytes | None] = queue.Queue()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._queue.get, None)

    def send(self, event: dict[str, Any]) -> None:
        self._queue.put(json.dumps(event).encode() + b"\n")

    def close(self) -> None:
        self._queue.put(None)


@dataclass
class FakeEngine:
    """Answers by method and path; any other request is an error of 404, as Docker has it."""

    socket: Path
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def on(self, method: str, path: str, *pieces: bytes, **answer: Any) -> None:  # noqa: ANN401 - of Answer
        """Prepare an answer."""
        self.answers[method, path] = Answer(pieces, **answer)

    def stream(self, path: str) -> Events:
        """Prepare an answer that stays open."""
        events = Events()
        self.answers["GET", path] = Answer(events)
        return events

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        missing = Answer([b'{"message": "page not found"}'], 404)
        return self.answers.get((request.method, request.path), missing)

    def serve(self) -> Iterator[FakeEngine]:
        """Run until the test ends."""
        with _Server(str(self.socket), _Handler) as server:
            server.engine = self
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            yield self
            server.shutdown()
            thread.join()


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    engine: FakeEngine


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _handle(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers["Transfer-Encoding"] == "chunked":
            body = b"".join(iter(self._chunk, b""))
        kind = self.headers["Content-Type"] or ""
        answer = self.server.engine.answer(
            Request(self.command, url.path, dict(parse_qsl(url.query)), body, kind)
        )
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        if self.close_connection:  # as the request wants it; Docker says so, too
            self.send_header("Connection", "close")
        self.end_headers()
        for piece in filter(None, answer.pieces):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self) -> bytes:
        piece = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return piece

    do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - the base class looks for these

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - of the base class
        """Say nothing."""
