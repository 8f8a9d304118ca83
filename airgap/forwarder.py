"""The way to the registry from containers: socat at the address of the engine's bridge.

Containers cannot reach the host's loopback, where the registry listens, but each of them reaches the bridge.
No other client is served there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airgap import network
from airgap.daemon import Daemon, Program
from airgap.errors import AirgapError
from airgap.sockets import listens, port_owner
from airgap.state import fingerprint_of

if TYPE_CHECKING:
    from airgap.settings import Settings
    from airgap.state import State

_START_SECONDS = 10
_STOP_SECONDS = 10
# After one end has closed its side, the other has this long for the rest of its answer.
_HALF_CLOSED_SECONDS = 60


def daemon(state: State) -> Daemon:
    """Return the forwarder of this state folder."""
    return Daemon("forwarder", state / "forwarder.pid", state.log("forwarder"))


def container_address(settings: Settings) -> str:
    """Return the host and port of the registry as containers of the engine reach it."""
    return f"{network.GATEWAY}:{settings.registry_port}"


def command(settings: Settings) -> tuple[str, ...]:
    """Return the command line of socat.

    - `-d`: the log has warnings too, such as a client that was refused.
    - `ip-freebind`: the bridge appears with the engine's first container, and goes with the engine.
    - `range`: other machines may route packets to the bridge's address, and the registry has no password.
    - `backlog`: socat's own 5 is less than an engine that pulls layers in parallel opens.
    - `keepalive`: a container that was killed must not hold a connection indefinitely.
    - `nodelay`: an answer that comes in pieces must not wait for the client's acknowledgements.
    """
    listener = (
        f"TCP4-LISTEN:{settings.registry_port}",
        f"bind={network.GATEWAY}",
        "ip-freebind=1",
        "reuseaddr",
        f"range={network.SUBNET}",
        "backlog=128",
        "keepalive",
        "nodelay",
        "fork",
    )
    return (
        *("/usr/bin/socat", "-d", "-t", str(_HALF_CLOSED_SECONDS), "-b", "65536"),
        ",".join(listener),
        f"TCP4:{settings.registry},nodelay",
    )


def runs(state: State, settings: Settings) -> bool:
    """Return whether ours runs with this command line and listens."""
    ours = daemon(state)
    return (
        ours.process() is not None
        and ours.fingerprint() == _fingerprint(settings)
        and listens(network.GATEWAY, settings.registry_port)
    )


def start(state: State, settings: Settings, lock: int) -> None:
    """Start it; AirgapError when the port is another's."""
    stop(state)
    check_port(settings)
    daemon(state).start(
        Program(command(settings), {"PATH": "/usr/bin:/bin"}, _fingerprint(settings)),
        lock=lock,
        ready=lambda: listens(network.GATEWAY, settings.registry_port),
        seconds=_START_SECONDS,
    )


def stop(state: State, *, force: bool = False) -> bool:
    """Stop ours; return whether it ran. Connections that are open stay until either end closes them."""
    return daemon(state).stop(seconds=_STOP_SECONDS, waiting=lambda _: None, force=force)


def check_port(settings: Settings) -> None:
    """Raise AirgapError when something listens at the registry's port of the bridge's address."""
    if listens(network.GATEWAY, settings.registry_port):
        address, owner = container_address(settings), port_owner(settings.registry_port, network.GATEWAY)
        raise AirgapError(
            f"the forwarder's port {address} is taken by {owner or 'an invisible process'}",
            hint="end it, or set AIRGAP_REGISTRY_PORT to a free port",
        )


def _fingerprint(settings: Settings) -> str:
    return fingerprint_of(repr(command(settings)))
