"""The sandbox's loopback as a neighbour on its network sees it: two network namespaces, the real rules."""

from __future__ import annotations

import re
import secrets
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.engine  # needs root
SANDBOX = Path(__file__).parents[2] / "ci" / "src" / "ci" / "container_scripts" / "sandbox.sh"
SANDBOX_ADDRESS, GATEWAY = "198.51.100.2", "198.51.100.1"
PRIVATE, FORWARDED = 7000, 5000
RULE = ("! -i lo", "-d 127.0.0.0/8", "-m conntrack ! --ctstate ESTABLISHED", "-j DROP")
SERVE = """
import socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    connection.sendall(sys.argv[3].encode())
    connection.close()
"""
ASK = """
import socket, sys
try:
    connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)
    print(connection.makefile().read())
except OSError as error:
    print(type(error).__name__)
"""


def function(name: str) -> str:
    """Return a function of the sandbox's script."""
    found = re.search(rf"^{name}\(\) \{{\n.*?^\}}\n", SANDBOX.read_text(), re.MULTILINE | re.DOTALL)
    assert found, name
    return found.group()


class Network:
    """A namespace of the sandbox and one of its neighbour, which is its gateway as well."""

    def __init__(self, name: str) -> None:
        self.sandbox, self.neighbour = f"{name}-s", f"{name}-n"

    def make(self) -> None:
        shell(
            f"ip netns add {self.sandbox}; ip netns add {self.neighbour}",
            f"ip link add s0 netns {self.sandbox} type veth peer name n0 netns {self.neighbour}",
        )
        self.run(
            self.sandbox, f"ip link set lo up; ip link set s0 up; ip address add {SANDBOX_ADDRESS}/24 dev s0"
        )
        self.run(self.sandbox, f"ip route add default via {GATEWAY}")
        # Without a loopback of its own, the neighbour's packets for 127.0.0.1 leave it.
        self.run(self.neighbour, f"ip link set n0 up; ip address add {GATEWAY}/24 dev n0")
        self.run(self.neighbour, "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet")
        self.run(self.neighbour, f"ip route add 127.0.0.1/32 via {SANDBOX_ADDRESS} dev n0 src {GATEWAY}")

    def remove(self) -> None:
        for name in (self.sandbox, self.neighbour):
            subprocess.run(["ip", "netns", "delete", name], check=False)

    def run(self, where: str, script: str) -> str:
        return shell(f"ip netns exec {where} sh -euc '{script}'")

    def ask(self, where: str, address: str, port: int) -> str:
        words = ["ip", "netns", "exec", where, "python3", "-c", ASK, address, str(port)]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    @contextmanager
    def serving(self, where: str, address: str, port: int, text: str) -> Iterator[None]:
        words = ["ip", "netns", "exec", where, "python3", "-c", SERVE, address, str(port), text]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            try:
                yield
            finally:
                process.kill()


def shell(*scripts: str) -> str:
    done = subprocess.run(["sh", "-euc", ";".join(scripts)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network(f"test-{secrets.token_hex(3)}")
    made.make()
    yield made
    made.remove()


def test_a_neighbour_does_not_reach_the_sandbox_s_loopback(network: Network) -> None:
    words = f"{function('gateway')}{function('forward_loopback')}SANDBOX_LOOPBACK_PORTS={FORWARDED}\n"
    shell(f"ip netns exec {network.sandbox} sh -eu <<'EOF'\n{words}forward_loopback\nEOF")
    with (
        network.serving(network.sandbox, "127.0.0.1", PRIVATE, "private"),
        network.serving(network.neighbour, GATEWAY, FORWARDED, "registry"),
    ):
        # What the rules are for: a registry on the loopback of the engine's machine.
        assert network.ask(network.sandbox, "127.0.0.1", FORWARDED) == "registry"
        assert network.ask(network.sandbox, "127.0.0.1", PRIVATE) == "private"
        assert network.ask(network.neighbour, "127.0.0.1", PRIVATE) == "TimeoutError"
        # Without the rule that drops them, the neighbour's packets arrive.
        network.run(network.sandbox, f"iptables -w -D INPUT {' '.join(RULE)}")
        assert network.ask(network.neighbour, "127.0.0.1", PRIVATE) == "private"
