"""Find listeners and connected clients of this network namespace, with `ss` and /proc."""

from __future__ import annotations

import re
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airgap.process import command_of, output_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airgap.process import Process

_LISTEN = "0A"  # TCP_LISTEN of include/net/tcp_states.h
_USER = re.compile(r"\(\"[^\"]*\",pid=(\d+),fd=\d+\)")


@dataclass(frozen=True)
class Peer:
    """A process at one end of a socket."""

    pid: int

    def __str__(self) -> str:
        return f"pid {self.pid} ({command_of(self.pid) or 'gone'})"


def answers(path: Path) -> bool:
    """Return whether a Unix socket accepts connections."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def port_answers(port: int) -> bool:
    """Return whether a port on 127.0.0.1 accepts connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def listens(address: str, port: int) -> bool:
    """Return whether something listens at exactly this IPv4 address and TCP port.

    Read the kernel's table instead of connecting, because the address may not belong to an interface yet.
    """
    number = int.from_bytes(socket.inet_aton(address), sys.byteorder)
    wanted = f"{number:08X}:{port:04X}"
    rows = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return any(columns[1] == wanted and columns[3] == _LISTEN for columns in map(str.split, rows))


def port_owner(port: int, address: str = "127.0.0.1") -> Peer | None:
    """Return the process that listens at a TCP port of an address or of all.

    None if there is none or it is hidden.
    """
    everywhere = ("0.0.0.0", "[::]", "*")  # noqa: S104 - as ss prints it; nothing is bound here
    wanted = {f"{each}:{port}" for each in (address, f"[::ffff:{address}]", *everywhere)}
    return next((peer for words, peer in _rows("-ltn", f"sport = :{port}") if wanted & set(words)), None)


def socket_owners(path: Path) -> list[Peer]:
    """Return the processes that listen at a Unix socket of this path, in any mount namespace."""
    return [peer for words, peer in _rows("-lx") if str(path) in words]


def clients(server: Process) -> list[Peer]:
    """Return the processes connected to a server's Unix sockets, without the server itself."""
    owners = {}  # inode of an end: its process
    wanted = []  # inodes of the clients' ends
    for (*_, address, inode, _, other), peer in _rows("-x", "state", "connected"):
        owners[inode] = peer
        if peer.pid == server.pid and address != "*":
            wanted.append(other)
    found = {owners[inode].pid: owners[inode] for inode in wanted if inode in owners}
    found.pop(server.pid, None)
    return [found[pid] for pid in sorted(found)]


def _rows(*query: str) -> Iterator[tuple[list[str], Peer]]:
    for line in (output_of(("ss", "-Hnp", *query)) or "").splitlines():
        columns, _, users = line.partition("users:(")
        for pid in dict.fromkeys(_USER.findall(users)):
            yield columns.split(), Peer(int(pid))
