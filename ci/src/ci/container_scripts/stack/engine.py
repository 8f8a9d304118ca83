"""A client of the Docker Engine's API on its Unix socket."""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection, HTTPResponse
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["SOCKET", "Refused", "ask", "bound_images", "chunks", "clear", "load", "open_stream", "output"]

SOCKET = "/run/docker-sandbox.sock"
_VERSION = "/v1.47"
_FIRST_ERROR = 400
_GOING = (404, 409)  # a container that is removed, or being removed
_HEADER, _CHUNK = 8, 65536


class Refused(Exception):  # noqa: N818 - what the engine does
    """The engine rejected a request; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Connection(HTTPConnection):
    def __init__(self) -> None:
        super().__init__("localhost")

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(SOCKET)


def open_stream(method: str, path: str, body: Any = None, /, **query: Any) -> HTTPResponse:  # noqa: ANN401 - JSON
    """Send a request and return the response with an unread body. Raise `Refused` for errors."""
    words = {name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()}
    target = f"{_VERSION}{path}" + (f"?{urlencode(words)}" if words else "")
    connection = _Connection()
    headers = {"Connection": "close"}
    if hasattr(body, "read"):
        headers["Content-Type"] = "application/x-tar"
    elif body is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(body)
    connection.request(method, target, body, headers)
    answer = connection.getresponse()
    if answer.status >= _FIRST_ERROR:
        text = answer.read().decode(errors="replace")
        try:
            message = str(json.loads(text)["message"])
        except (ValueError, KeyError, TypeError):
            message = text
        raise Refused(answer.status, message)
    return answer


def ask(method: str, path: str, body: Any = None, /, **query: Any) -> Any:  # noqa: ANN401 - JSON
    """Send a request and return the parsed JSON response; `None` if it is empty."""
    text = open_stream(method, path, body, **query).read()
    return json.loads(text) if text.strip() else None


def load(file: Path) -> None:
    """Load a packed OCI layout into the engine's store."""
    with file.open("rb") as archive:
        answer = open_stream("POST", "/images/load", archive, quiet="1")
        for line in answer.read().splitlines():
            if line.strip() and (message := json.loads(line).get("error")):
                raise Refused(500, str(message))


def clear() -> None:
    """Remove all containers, networks and volumes, including those of a killed call."""
    for container in ask("GET", "/containers/json", all="1"):
        try:
            ask("DELETE", f"/containers/{container['Id']}", force="1", v="1")
        except Refused as refused:
            if refused.status not in _GOING:
                raise
    ask("POST", "/networks/prune")
    ask("POST", "/volumes/prune", filters={"all": ["true"]})


def bound_images(most: int) -> None:
    """Remove images without a container if all images together exceed `most` bytes.

    A snapshot can disappear while the engine adds up their sizes. Then the next run does this.
    """
    try:
        size = ask("GET", "/system/df", type="image")["LayersSize"]
    except Refused as refused:
        if refused.status not in _GOING:
            raise
        return
    if size > most:
        ask("POST", "/images/prune", filters={"dangling": ["false"]})


def output(container: str, **query: Any) -> Iterator[bytes]:  # noqa: ANN401 - as above
    """Yield a container's stdout and stderr in chunks."""
    answer = open_stream("GET", f"/containers/{container}/logs", stdout="1", stderr="1", **query)
    yield from chunks(answer)


def chunks(answer: HTTPResponse) -> Iterator[bytes]:
    """Yield the chunks of a stream. Without a terminal, each chunk has a header, which is removed."""
    if answer.headers.get("Content-Type", "").endswith("raw-stream"):
        while piece := answer.read1(_CHUNK):
            yield piece
        return
    while len(header := answer.read(_HEADER)) == _HEADER:
        yield answer.read(int.from_bytes(header[4:], "big"))
