"""A Redis for the tests."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from aip_testing import processes

VARIABLE = "TEST_REDIS_URL"


@contextmanager
def server() -> Iterator[str]:
    """Yield the URL of the given Redis, or of one started for these tests."""
    given = os.environ.get(VARIABLE)
    if given:
        yield given
        return
    program = processes.find("redis-server", "redis-server", VARIABLE)
    port = processes.free_port()
    with processes.scratch() as folder:
        argv = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
        with processes.started(argv, lambda: processes.connects(port), log=folder / "redis.log"):
            yield f"redis://127.0.0.1:{port}"


def flush(url: str) -> None:
    """Delete everything in the Redis."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname or "", address.port or 6379), 5) as connection:
        if address.password:
            connection.sendall(f"AUTH {address.password}\r\n".encode())
        connection.sendall(b"FLUSHALL\r\nPING\r\n")
        answer = b""
        while not answer.endswith(b"+PONG\r\n"):
            received = connection.recv(4096)
            answer += received
            if not received or b"-" in answer:
                pytest.fail(f"the Redis of {VARIABLE} refused FLUSHALL: {answer!r}", pytrace=False)
