"""HTTP: reads a request, finds its call, answers in Qdrant's envelope."""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from . import TITLE, VERSION
from .calls import Request, find
from .errors import ApiError

if TYPE_CHECKING:
    from .store import Store

_MOST_BYTES = 32 * 1024 * 1024  # Qdrant's own default


class Server(ThreadingHTTPServer):
    """A thread a connection. At the end they are dropped: a change is on disk before it is answered."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], store: Store) -> None:
        self.store = store
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = "qdrant-stand-in"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet

    def _serve(self) -> None:
        began = time.perf_counter()
        url = urlsplit(self.path)
        try:
            body = self._body()
            plain = self._plain(url.path) if self.command == "GET" else None
            if plain is not None:
                self._answer(HTTPStatus.OK, *plain)
                return
            call, names = find(self.command, [unquote(part) for part in url.path.strip("/").split("/")])
            result = call(Request(self.server.store, names, dict(parse_qsl(url.query)), body))
            status, answer = HTTPStatus.OK, {"result": result, "status": "ok"}
        except ApiError as error:
            status, answer = error.status, {"status": {"error": str(error)}}
        except Exception as error:  # noqa: BLE001 - the answer says it, the log has where it came from
            self.log_error("%s %s: %r", self.command, self.path, error)
            text = f"Service internal error: {error!r}"
            status, answer = HTTPStatus.INTERNAL_SERVER_ERROR, {"status": {"error": text}}
        answer["time"] = time.perf_counter() - began
        self._answer(status, json.dumps(answer), "application/json")

    do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _body(self) -> dict[str, Any]:
        """Read the whole body, or the connection's next request would begin in the rest of it."""
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise ApiError(HTTPStatus.LENGTH_REQUIRED, "this stand-in of Qdrant wants a Content-Length")
        length = int(self.headers.get("Content-Length") or 0)
        if length > _MOST_BYTES:
            self.close_connection = True
            text = f"JSON payload ({length} bytes) is larger than allowed (limit: {_MOST_BYTES} bytes)"
            raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
        content = self.rfile.read(length)
        try:
            body = json.loads(content or b"{}")
        except ValueError as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, f"Format error in JSON body: {error}") from None
        if not isinstance(body, dict):
            raise ApiError(HTTPStatus.BAD_REQUEST, "Format error in JSON body: expected an object")
        return body

    def _plain(self, path: str) -> tuple[str, str] | None:
        """Return text and type of what is outside the envelope: who this is, probes, metrics."""
        if path == "/":
            return json.dumps({"title": TITLE, "version": VERSION}), "application/json"
        if path in ("/healthz", "/livez", "/readyz"):
            return f"{path[1:]} check passed", "text/plain; charset=utf-8"
        if path == "/metrics":
            return self._metrics(), "text/plain; version=0.0.4; charset=utf-8"
        return None

    def _metrics(self) -> str:
        names = self.server.store.names()
        lines = [
            "# HELP app_info information about qdrant server",
            "# TYPE app_info gauge",
            f'app_info{{name="qdrant-stand-in",version="{VERSION}"}} 1',
            "# HELP collections_total number of collections",
            "# TYPE collections_total gauge",
            f"collections_total {len(names)}",
        ]
        return "\n".join(lines) + "\n"

    def _answer(self, status: HTTPStatus, text: str, kind: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of single requests."""
