"""Which clients reach the registry through the forwarder, and its life cycle.

The tests without an engine use addresses of the loopback network, so they need neither root nor a bridge.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from airgap import catalogue, forwarder, network, sockets
from airgap.errors import AirgapError
from airgap.process import wait_until
from airgap.settings import Settings
from airgap.state import locked
from tests.airgap.site import gone, kill_group, site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airgap.state import State
    from tests.airgap.site import Site

ANSWER = b"the registry"
INSIDE, OUTSIDE = "127.87.0.7", "127.0.0.1"
LIMIT = 10  # seconds

# A daemon outlives the process that started it, which is the test's own process here.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
needs_socat = pytest.mark.skipif(shutil.which("socat") is None, reason="`up` installs socat")


@pytest.fixture
def here(state: State, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings with the port of a server that answers each client once; stops the forwarder at the end."""
    monkeypatch.setattr(network, "GATEWAY", "127.87.0.1")
    monkeypatch.setattr(network, "SUBNET", "127.87.0.0/16")
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server,), daemon=True).start()
        yield Settings(state.root, registry_port=server.getsockname()[1])
        forwarder.stop(state)
        server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:  # the test is over
            return
        with client:
            client.sendall(ANSWER + client.recv(100))


def start(state: State, settings: Settings) -> int:
    """Start the forwarder as `up` does; return its id."""
    with locked(state, lambda _: None) as lock:
        forwarder.start(state, settings, lock)
    return pid_of(state)


def pid_of(state: State) -> int:
    process = forwarder.daemon(state).process()
    assert process is not None
    return process.pid


def connect(settings: Settings, source: str) -> socket.socket:
    where = (network.GATEWAY, settings.registry_port)
    return socket.create_connection(where, timeout=LIMIT, source_address=(source, 0))


def answer(settings: Settings, source: str) -> bytes:
    """Return the response to a client with this address; b"" if it is refused."""
    with connect(settings, source) as client:
        try:
            client.sendall(b"?")
            return client.recv(100)
        except ConnectionError:
            return b""


@needs_socat
def test_only_clients_of_the_engines_network_are_served(state: State, here: Settings) -> None:
    start(state, here)
    assert answer(here, INSIDE) == ANSWER + b"?"
    assert answer(here, OUTSIDE) == b""
    assert answer(here, INSIDE) == ANSWER + b"?"
    assert "refusing connection" in forwarder.daemon(state).log.read_text(encoding="utf-8")


@needs_socat
def test_it_starts_before_its_address_is_there(
    state: State, here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "GATEWAY", "192.0.2.77")  # reserved for documentation: no machine has it
    with pytest.raises(OSError, match="annot assign requested address"):
        socket.create_server(("192.0.2.77", 0))
    start(state, here)
    assert forwarder.runs(state, here)


@needs_socat
def test_a_killed_forwarder_is_noticed_and_starts_again_beside_its_old_connections(
    state: State, here: Settings
) -> None:
    assert not forwarder.runs(state, here)
    first = start(state, here)
    assert forwarder.runs(state, here)
    with closing(connect(here, INSIDE)) as client:
        assert wait_until(lambda: _has_children(first), seconds=LIMIT)
        os.kill(first, signal.SIGKILL)
        assert gone(first)
        assert not forwarder.runs(state, here)
        # The child that serves the connection closes the socket that listens soon after it has begun.
        assert wait_until(lambda: not sockets.listens(network.GATEWAY, here.registry_port), seconds=LIMIT)
        assert start(state, here) != first
        assert forwarder.runs(state, here)
        client.sendall(b"!")
        assert client.recv(100) == ANSWER + b"!"
    assert answer(here, INSIDE) == ANSWER + b"?"


def _has_children(pid: int) -> bool:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:  # noqa: PTH123 - of the kernel
        return bool(children.read())


@needs_socat
def test_another_port_is_another_forwarder(state: State, here: Settings) -> None:
    first = start(state, here)
    other = Settings(state.root, registry_port=here.registry_port + 1)
    assert not forwarder.runs(state, other)
    assert start(state, other) != first
    assert gone(first)
    assert not sockets.listens(network.GATEWAY, here.registry_port)


@needs_socat
def test_it_is_stopped_once(state: State, here: Settings) -> None:
    pid = start(state, here)
    assert forwarder.stop(state)
    assert gone(pid)
    assert not sockets.listens(network.GATEWAY, here.registry_port)
    assert not forwarder.stop(state)


def test_a_port_that_is_taken_names_its_owner(state: State, here: Settings) -> None:
    with socket.create_server((network.GATEWAY, here.registry_port)), pytest.raises(AirgapError) as caught:
        start(state, here)
    address = f"127.87.0.1:{here.registry_port}"
    assert caught.value.what.startswith(f"the forwarder's port {address} is taken by pid {os.getpid()} (")
    assert "AIRGAP_REGISTRY_PORT" in caught.value.hint


def test_the_owner_of_a_port_is_that_of_the_address(here: Settings) -> None:
    port = here.registry_port  # this process listens there, at 127.0.0.1 only
    assert str(sockets.port_owner(port)).startswith(f"pid {os.getpid()} (")
    assert sockets.port_owner(port, network.GATEWAY) is None
    with socket.socket() as everywhere:
        everywhere.bind(("", 0))
        everywhere.listen()
        assert sockets.port_owner(everywhere.getsockname()[1], network.GATEWAY) is not None


def test_only_a_listener_at_exactly_the_address_counts(here: Settings) -> None:
    assert sockets.listens("127.0.0.1", here.registry_port)
    assert not sockets.listens("127.0.0.2", here.registry_port)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert not sockets.listens("127.0.0.1", bound.getsockname()[1])
    with socket.create_connection(("127.0.0.1", here.registry_port)) as client:
        assert not sockets.listens("127.0.0.1", client.getsockname()[1])


ASK = r"exec 3<>/dev/tcp/10.87.0.1/5000; printf 'GET /v2/ HTTP/1.0\r\n\r\n' >&3; head -n 1 <&3"
ASK_FROM = """
import http.client, sys
client = http.client.HTTPConnection("10.87.0.1", 5000, timeout=10, source_address=(sys.argv[1], 0))
client.request("GET", "/v2/")
print(client.getresponse().status)
"""


@pytest.mark.engine
def test_a_container_of_the_engine_reaches_the_registry_and_others_do_not(place: Site) -> None:
    place.up()
    call = ("core", "container", "from", f"--address={catalogue.IMAGES[0].references[0]}")
    called = place.run(*place.dagger(*call, "with-exec", f'--args="bash","-c","{ASK}"', "stdout"))
    assert (called.code, called.stdout.strip()) == (0, "HTTP/1.0 200 OK"), called.stderr
    assert place.run(sys.executable, "-c", ASK_FROM, "10.87.0.1").stdout == "200\n"
    refused = place.run(sys.executable, "-c", ASK_FROM, "127.0.0.1")
    assert (refused.code, refused.stdout) == (1, "")
    assert "refusing connection" in place.log("forwarder")


@pytest.mark.engine
def test_up_starts_a_killed_forwarder_and_nothing_else(place: Site) -> None:
    place.up()
    before = place.status()
    os.kill(before["forwarder"]["pid"], signal.SIGKILL)
    assert gone(before["forwarder"]["pid"])
    assert not place.status()["steps"]["forwarder"]
    status = place.airgap("status").stdout.splitlines()
    assert "python3 -m airgap up" in next(line for line in status if line.startswith("forwarder "))
    assert "up (1 steps done)" in place.up().stderr
    after = place.status()
    assert after["forwarder"]["answers"]
    assert after["forwarder"]["pid"] != before["forwarder"]["pid"]
    for name in ("engine", "registry"):
        assert after[name]["pid"] == before[name]["pid"]


@pytest.mark.engine
def test_it_follows_the_port_of_the_registry(place: Site) -> None:
    place.up()
    moved = place.airgap("up", AIRGAP_REGISTRY_PORT="5003")
    assert moved.code == 0, moved.stderr
    shown = place.airgap("status", AIRGAP_REGISTRY_PORT="5003").stdout
    assert "forwarder   runs at 10.87.0.1:5003 (pid " in shown
    listening = place.run("ss", "-Hltn").stdout
    assert "10.87.0.1:5003" in listening
    assert "10.87.0.1:5000" not in listening


@pytest.mark.engine
def test_a_port_that_is_taken_is_found_before_anything_is_built() -> None:
    with site() as empty:
        other = empty.start("socat", "TCP4-LISTEN:5000,bind=10.87.0.1,ip-freebind=1", "STDOUT")
        assert wait_until(lambda: "10.87.0.1:5000" in empty.run("ss", "-Hltn").stdout, seconds=LIMIT)
        done = empty.airgap("up")
        shown = empty.airgap("status").stdout
        kill_group(other)
    assert done.code == 1
    assert done.stderr.startswith("airgap: error: the forwarder's port 10.87.0.1:5000 is taken by pid ")
    assert f"10.87.0.1:5000 is taken by pid {other.pid} (socat " in shown
