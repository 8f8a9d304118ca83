"""Count the bytes between a client and the engine, with a proxy socket."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SCHEMES = ("unix://", "tcp://")
_CHUNK = 1 << 16
_END = 10.0  # seconds for the engine to close a connection after the client closed it


@dataclass
class Counted:
    """Bytes sent to the engine and received from it."""

    sent: int = 0
    received: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add_sent(self, count: int) -> None:
        """Add bytes sent to the engine."""
        with self._lock:
            self.sent += count

    def add_received(self, count: int) -> None:
        """Add bytes received from the engine."""
        with self._lock:
            self.received += count


@contextmanager
def between(engine: str, folder: Path) -> Iterator[tuple[str, Counted]]:
    """Yield an address to use in place of the engine's, and the count, which is complete after the block."""
    found = Counted()
    served: list[threading.Thread] = []
    path = folder / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        accepting = threading.Thread(target=_accept, args=(listener, engine, found, served), daemon=True)
        accepting.start()
        try:
            yield f"unix://{path}", found
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # because closing it would not wake up accept()
            accepting.join()
            for thread in served:
                thread.join()


def _accept(listener: socket.socket, engine: str, found: Counted, served: list[threading.Thread]) -> None:
    """Connect each client to the engine, until the listener is shut down."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        served.append(threading.Thread(target=_lend, args=(client, engine, found), daemon=True))
        served[-1].start()


def _lend(client: socket.socket, engine: str, found: Counted) -> None:
    """Forward one connection to the engine until the client closes it."""
    with client, _connected(engine) as upstream:
        words = (upstream, client, found.add_received)
        back = threading.Thread(target=_pump, args=words, daemon=True)
        back.start()
        _pump(client, upstream, found.add_sent)
        back.join(_END)


def _connected(engine: str) -> socket.socket:
    scheme, _, place = engine.partition("://")
    if scheme == "tcp":
        host, _, port = place.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)))
    upstream = socket.socket(socket.AF_UNIX)
    upstream.connect(place)
    return upstream


def _pump(source: socket.socket, target: socket.socket, add: Callable[[int], None]) -> None:
    """Copy one direction until its end, and forward the end."""
    try:
        while data := source.recv(_CHUNK):
            add(len(data))
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the other direction has closed the connection
