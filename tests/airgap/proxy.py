"""A forward proxy that listens inside a network namespace and connects outside of it.

    proxy.py PID PORT

It lets programs in a namespace reach package registries without changes to the host's network.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import threading
from urllib.parse import urlsplit
from urllib.request import getproxies

CLONE_NEWNET = 0x40000000
_END = b"\r\n\r\n"


def listen_inside(pid: int, port: int) -> socket.socket:
    """Return a socket that listens in another process's namespace, without moving this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    outside = os.open("/proc/self/ns/net", os.O_RDONLY)
    inside = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    for namespace in (inside, outside):
        if libc.setns(namespace, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        if namespace == inside:
            listener = socket.create_server(("127.0.0.1", port))
        os.close(namespace)
    return listener


def serve(client: socket.socket) -> None:
    """Serve one connection: a tunnel, or one plain request."""
    with client:
        head = b""
        while _END not in head:
            more = client.recv(65536)
            if not more:
                return
            head += more
        try:
            server, first = _connect(head)
        except OSError:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        with server:
            if first:
                server.sendall(first)
            else:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(server, client))
            back.start()
            _copy(client, server)
            back.join()


def _connect(head: bytes) -> tuple[socket.socket, bytes]:
    """Connect to the target of a request; return the connection and the first bytes to send."""
    method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
    url = urlsplit(f"//{target}" if method == "CONNECT" else target)
    upstream = urlsplit(getproxies().get("https" if method == "CONNECT" else "http", ""))
    if upstream.hostname:
        return socket.create_connection((upstream.hostname, upstream.port or 80), timeout=60), head
    server = socket.create_connection((url.hostname, url.port or 80), timeout=60)
    if method == "CONNECT":
        return server, b""
    path = url._replace(scheme="", netloc="").geturl().encode()
    _, _, rest = head.partition(b"\r\n")
    kept = [line for line in rest.split(b"\r\n") if not line.lower().startswith((b"connection:", b"proxy-"))]
    return server, b"\r\n".join((b"%b %b HTTP/1.1\r\nConnection: close" % (method.encode(), path), *kept))


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # one side has closed the connection
        return


def main() -> None:
    """Serve until terminated."""
    listener = listen_inside(int(sys.argv[1]), int(sys.argv[2]))
    print("ready", flush=True)  # noqa: T201 - whoever started it waits for this
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


if __name__ == "__main__":
    main()
