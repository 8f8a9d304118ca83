"""A shared engine: the client is in another network namespace and reaches the engine only over TCP.

It shares neither the engine's loopback nor its socket, and has the project on its own mount.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from tests.engine.client import FIXTURES, LIMIT, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.long]

VARIABLE = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
CHUNK = 1 << 16


def pump(source: socket.socket, target: socket.socket) -> None:
    """Copy one direction until its end."""
    try:
        while data := source.recv(CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the other direction has ended the connection


def serve(listener: socket.socket, engine: str) -> None:
    """Give each connection one to the engine's socket, until the listener is closed."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=lend, args=(client, engine), daemon=True).start()


def lend(client: socket.socket, engine: str) -> None:
    """Forward one connection to the engine's socket in both directions."""
    with client, socket.socket(socket.AF_UNIX) as upstream:
        upstream.connect(engine)
        back = threading.Thread(target=pump, args=(upstream, client), daemon=True)
        back.start()
        pump(client, upstream)
        back.join()


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def namespace() -> Iterator[tuple[str, str]]:
    """A network namespace linked to this one; yields its name and the address of this end."""
    name = f"ci-{secrets.token_hex(4)}"
    network = f"10.213.{secrets.randbelow(250)}"
    with ExitStack() as undo:
        ip("netns", "add", name)
        undo.callback(ip, "netns", "del", name)
        ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("addr", "add", f"{network}.1/30", "dev", name)
        ip("link", "set", name, "up")
        for words in (["addr", "add", f"{network}.2/30", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            ip("-n", name, *words)
        yield name, f"{network}.1"


@pytest.fixture
def engine(namespace: tuple[str, str]) -> Iterator[str]:
    """The engine's address for a client in the namespace."""
    here = os.environ[VARIABLE]
    if not here.startswith("unix://"):
        pytest.fail(f"{VARIABLE} is {here}: this test lends an engine's Unix socket, run it with airgap's")
    with closing(socket.create_server((namespace[1], 0))) as listener:
        threading.Thread(target=serve, args=(listener, here.removeprefix("unix://")), daemon=True).start()
        yield f"tcp://{namespace[1]}:{listener.getsockname()[1]}"


def test_the_pipeline_on_an_engine_elsewhere(namespace: tuple[str, str], engine: str, tmp_path: Path) -> None:
    project = tmp_path / "shop"
    shutil.copytree(FIXTURES / "shop", project)

    def call(*words: str) -> str:
        done = subprocess.run(
            ["ip", "netns", "exec", namespace[0], "dagger", "--progress=plain", "call", *words],
            cwd=ROOT,
            env={**os.environ, VARIABLE: engine},
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    here = ["--source", str(project)]
    assert "sha256:" in call(*here, "build")
    assert "none (the setting services-without-tests)" in call(*here, "test")
    call(*here, "stack", "logs", "export", "--path", str(tmp_path / "logs"))
    assert (tmp_path / "logs" / "shop.log").exists()
