"""The stand-in for Qdrant's server, run as in its image, with the real qdrant-edge-py."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from airgap.recipe import RECIPES

if TYPE_CHECKING:
    from pathlib import Path

DAY = "2026-01-0{}T00:00:00Z"
VECTORS = {"vectors": {"size": 2, "distance": "Dot"}}


class Server:
    """A running server and a connection to it."""

    def __init__(self, storage: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "qdrant_standin"],
            cwd=RECIPES / "qdrant",
            env={
                **os.environ,
                "QDRANT__SERVICE__HOST": "127.0.0.1",
                "QDRANT__SERVICE__HTTP_PORT": "0",
                "QDRANT__STORAGE__STORAGE_PATH": str(storage),
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        found = re.search(r"http://127\.0\.0\.1:(\d+), ", self.process.stdout.readline())
        assert found, "it did not start"
        self.port = int(found[1])
        self.connection = HTTPConnection("127.0.0.1", self.port, timeout=20)

    def raw(self, method: str, path: str, body: bytes | str | None = None) -> tuple[int, str]:
        self.connection.request(method, path, body)
        response = self.connection.getresponse()
        return response.status, response.read().decode()

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Return the result of a call that succeeds."""
        status, text = self.raw(method, path, None if body is None else json.dumps(body))
        answer = json.loads(text)
        assert (status, answer["status"]) == (200, "ok"), text
        assert answer["time"] >= 0
        return answer["result"]

    def refused(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Return the status and message of a failing call."""
        status, text = self.raw(method, path, None if body is None else json.dumps(body))
        answer = json.loads(text)
        assert set(answer) == {"status", "time"}, text
        return status, answer["status"]["error"]

    def end(self, signum: int = signal.SIGTERM) -> int:
        self.connection.close()
        self.process.send_signal(signum)
        code = self.process.wait(timeout=20)
        assert self.process.stdout
        self.process.stdout.close()
        return code


def ids(server: Server, wanted: object) -> list[int]:
    found = server.call("POST", "/collections/c/points/scroll", {"filter": wanted})
    count = server.call("POST", "/collections/c/points/count", {"filter": wanted, "exact": True})
    assert count == {"count": len(found["points"])}
    return [point["id"] for point in found["points"]]


def value(key: str, wanted: object) -> dict[str, object]:
    return {"key": key, "match": {"value": wanted}}
