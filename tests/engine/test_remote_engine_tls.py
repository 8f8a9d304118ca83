"""A shared engine over TCP with TLS, as the page says: socat serves clients that have a certificate."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from airgap.process import wait_until
from tests.docs.pages import DOCS
from tests.engine.client import FIXTURES, LIMIT, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.long]

PAGE = DOCS / "how-to" / "one-engine-for-a-team.md"
VARIABLE = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
# What an HTTP/2 client sends first: its preface and empty settings.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"


def commands() -> tuple[str, str]:
    """Return the page's commands that create certificates, and the one that listens; for the loopback."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    certificates, found, listen = next(each for each in blocks if "socat" in each).rpartition("\nsocat ")
    assert found
    return certificates.replace("DNS:engine.internal", "IP:127.0.0.1"), f"socat {listen}"


def created(folder: Path) -> Path:
    """Create an authority, and the certificates that it signs."""
    folder.mkdir()
    subprocess.run(["sh", "-euc", commands()[0]], cwd=folder, check=True, capture_output=True, timeout=60)
    return folder


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return created(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture(scope="module")
def port(certificates: Path) -> Iterator[int]:
    """The port at which socat accepts clients of this run's engine."""
    here = os.environ[VARIABLE]
    if not here.startswith("unix://"):
        pytest.fail(f"{VARIABLE} is {here}: this test lends an engine's Unix socket, run it with airgap's")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        number: int = free.getsockname()[1]
    command = commands()[1].replace("8443", f"{number},bind=127.0.0.1")
    command = command.replace("TCP:127.0.0.1:1234", f"UNIX-CONNECT:{here.removeprefix('unix://')}")
    with subprocess.Popen(command.split(), cwd=certificates, stderr=subprocess.DEVNULL) as listener:
        try:
            assert wait_until(lambda: answers(number, certificates, certificates), seconds=10)
            yield number
        finally:
            listener.terminate()


def answers(port: int, authority: Path, client: Path | None) -> bool:
    """Return whether the engine answers a client that has these certificates. Raise SSLError if refused."""
    context = ssl.create_default_context(cafile=authority / "ca.pem")
    if client is not None:
        context.load_cert_chain(client / "client.pem", client / "client-key.pem")
    with (
        suppress(ConnectionRefusedError),
        socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(PREFACE)
        return bool(connection.recv(100))
    return False


def test_a_client_with_a_certificate_uses_the_engine(certificates: Path, port: int) -> None:
    names = {"cert_path": "client.pem", "key_path": "client-key.pem", "ca_path": "ca.pem"}
    query = "&".join(f"{name}={certificates / file}" for name, file in names.items())
    done = subprocess.run(
        ["dagger", "--progress=plain", "call", "--source", str(FIXTURES / "shop"), "build"],
        cwd=ROOT,
        env={**os.environ, VARIABLE: f"tls://127.0.0.1:{port}?{query}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    assert "sha256:" in done.stdout


def test_a_client_without_the_right_certificate_is_refused(
    certificates: Path, port: int, tmp_path: Path
) -> None:
    other = created(tmp_path / "other")
    assert answers(port, certificates, certificates)
    for client in (None, other):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            answers(port, certificates, client)
    with pytest.raises(ssl.SSLCertVerificationError):
        answers(port, other, certificates)
