"""Dagger's engine in a Docker Engine: as its CLI starts it, and shared over TCP with TLS as the page says.

The engine's image is a stand-in for the official one. The Docker Engine is a real one, from Debian packages.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import ssl
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from airgap.engineimage import REFERENCE
from airgap.process import wait_until
from airgap.progress import Progress
from airgap.settings import VERSION, from_environment
from tests.docs.pages import DOCS
from tests.engine.client import ROOT
from tools.docker_path.machine import CONTAINER, LINK, Machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.long]

PAGE = DOCS / "how-to" / "one-engine-for-a-team.md"
NAME = "dagger-engine"  # the container's on the page
LIMIT = 300  # seconds
PORT = 1234
# What an HTTP/2 client sends first: its preface and empty settings.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine with Docker; stopped at the end only if it was started here."""
    machine = Machine(from_environment(os.environ), Progress())
    before = machine.docker.daemon.process()
    machine.up()
    yield machine
    if before is None:
        machine.down()


def dagger(machine: Machine, *words: str, **env: str) -> str:
    """Run the CLI of that machine, which knows no engine but the one that ``env`` names."""
    known = {name: value for name, value in os.environ.items() if "DAGGER" not in name}
    path = f"{machine.programs}:{os.environ['PATH']}"
    done = subprocess.run(
        ["dagger", "--progress=plain", *words],
        cwd=ROOT,
        env={**known, **machine.variables(), "PATH": path, "DO_NOT_TRACK": "1", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def inspect(machine: Machine, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(machine.docker.run("docker", "inspect", name).stdout)[0]
    return found


def test_the_cli_starts_the_engine_from_the_image_that_is_there(machine: Machine) -> None:
    assert dagger(machine, "core", "version").strip() == VERSION
    container = inspect(machine, CONTAINER)
    assert container["Config"]["Image"] == REFERENCE
    assert container["State"]["Running"]
    assert container["HostConfig"]["Privileged"]
    labels = container["Config"]["Labels"]
    assert labels["io.dagger-airgap.stand-in"].startswith(f"{REFERENCE}: ")


def test_containers_of_the_engine_have_the_control_groups_of_the_machine(machine: Machine) -> None:
    image = ("--address", "docker.io/library/debian:trixie-slim")
    seen = dagger(
        *(machine, "core", "container", "from", *image),
        *("with-exec", "--args", "cat,/proc/self/cgroup", "stdout"),
    )
    version = machine.docker.run("docker", "info", "--format", "{{.CgroupVersion}}").stdout.strip()
    controllers = {line.split(":")[1] for line in seen.split()}
    assert version in {"1", "2"}
    assert ("memory" in controllers) == (version == "1"), seen


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def certificates(folder: Path, address: str) -> Path:
    """Create the certificates with the page's commands, for another address."""
    folder.mkdir()
    script = next(block for block in blocks("sh") if "openssl req" in block)
    script = script.replace("DNS:engine.internal", f"IP:{address}")
    subprocess.run(["sh", "-euc", script], cwd=folder, check=True, capture_output=True, timeout=60)
    return folder


@pytest.fixture(scope="module")
def shared(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder with the certificates of an engine that runs with the page's command."""
    folder = certificates(tmp_path_factory.mktemp("tls") / "certificates", LINK.address)
    place = machine.docker.shared / "dagger-engine"
    place.mkdir(exist_ok=True)
    for name in ("ca.pem", "server.pem", "server-key.pem"):
        (place / name).write_bytes((folder / name).read_bytes())
    command = next(block for block in blocks("sh") if "docker run" in block)
    words = shlex.split(command.replace("\\\n", "").replace("/etc/dagger-engine", str(place)))
    remove = ("docker", "rm", "--force", "--volumes", NAME)
    machine.docker.run(*remove, check=False)
    machine.docker.run(*words)
    try:
        assert wait_until(lambda: answers(folder, folder), seconds=60)
        yield folder
    finally:
        machine.docker.run("docker", "stop", "--time", "60", NAME)
        machine.docker.run(*remove)
        machine.docker.run("docker", "volume", "rm", NAME)


def answers(authority: Path, client: Path | None) -> bool:
    """Return whether the engine answers a client that has these certificates. Raise SSLError if refused."""
    context = ssl.create_default_context(cafile=authority / "ca.pem")
    if client is not None:
        context.load_cert_chain(client / "client.pem", client / "client-key.pem")
    with (
        suppress(ConnectionRefusedError),
        socket.create_connection((LINK.address, PORT), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=LINK.address) as connection,
    ):
        connection.sendall(PREFACE)
        return bool(connection.recv(100))
    return False


def test_a_client_with_a_certificate_uses_the_engine_over_tls(machine: Machine, shared: Path) -> None:
    names = {"cert_path": "client.pem", "key_path": "client-key.pem", "ca_path": "ca.pem"}
    query = "&".join(f"{name}={shared / file}" for name, file in names.items())
    address = f"tls://{LINK.address}:{PORT}?{query}"
    assert dagger(machine, "core", "version", _EXPERIMENTAL_DAGGER_RUNNER_HOST=address).strip() == VERSION
    mounts = {each["Destination"]: each.get("Name") for each in inspect(machine, NAME)["Mounts"]}
    assert mounts["/var/lib/dagger"] == NAME
    there = machine.docker.run("docker", "exec", NAME, "ls", "/var/lib/dagger").stdout
    assert "worker" in there.split(), there


def test_a_client_without_the_right_certificate_is_refused(shared: Path, tmp_path: Path) -> None:
    other = certificates(tmp_path / "other", LINK.address)
    assert answers(shared, shared)
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
        answers(shared, None)
    with pytest.raises(ssl.SSLError, match=r"UNKNOWN_CA|BAD_CERTIFICATE"):
        answers(shared, other)
    with pytest.raises(ssl.SSLCertVerificationError):
        answers(other, shared)
