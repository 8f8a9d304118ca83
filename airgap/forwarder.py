"""Forward the registry to containers: socat listens at the address of the engine's bridge.

Containers cannot reach the host's loopback, where the registry listens, but they can reach the bridge.
Connections of other clients are refused.
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
# Seconds that one side may continue to send after the other has closed its direction.
_HALF_CLOSED_SECONDS = 60


def daemon(state: State) -> Daemon:
    """Return the forwarder of this state folder."""
    return Daemon("forwarder", state / "forwarder.pid", state.log("forwarder"))


def container_address(settings: Settings) -> str:
    """Return the registry's host and port as seen by containers of the engine."""
    return f"{network.GATEWAY}:{settings.registry_port}"


def command(settings: Settings) -> tuple[str, ...]:
    """Return the command line of socat for the bridge of this engine."""
    return forwarding(
        settings.registry_port, bind=network.GATEWAY, clients=network.SUBNET, registry=settings.registry
    )


def forwarding(port: int, *, bind: str, clients: str, registry: str) -> tuple[str, ...]:
    """Return the command line of a socat that forwards a port of one address to a registry.

    - `-d`: log warnings too, such as a refused client.
    - `ip-freebind`: the bridge exists only from the engine's first container until the engine's end.
    - `range`: other machines may route packets to the bridge's address, and the registry has no password.
    - `backlog`: an engine that pulls layers in parallel opens more connections than socat's default of 5.
    - `keepalive`: a container that was killed must not hold a connection indefinitely.
    - `nodelay`: an answer sent in pieces must not wait for the client's acknowledgements.
    """
    listener = (
        f"TCP4-LISTEN:{port}",
        f"bind={bind}",
        "ip-freebind=1",
        "reuseaddr",
        f"range={clients}",
        "backlog=128",
        "keepalive",
        "nodelay",
        "fork",
    )
    return (
        *("/usr/bin/socat", "-d", "-t", str(_HALF_CLOSED_SECONDS), "-b", "65536"),
        ",".join(listener),
        f"TCP4:{registry},nodelay",
    )


def runs(state: State, settings: Settings) -> bool:
    """Return whether our forwarder runs with this command line and listens."""
    ours = daemon(state)
    return (
        ours.process() is not None
        and ours.fingerprint() == _fingerprint(settings)
        and listens(network.GATEWAY, settings.registry_port)
    )


def start(state: State, settings: Settings, lock: int) -> None:
    """Start the forwarder. Raise AirgapError if the port is in use."""
    stop(state)
    check_port(settings)
    daemon(state).start(
        Program(command(settings), {"PATH": "/usr/bin:/bin"}, _fingerprint(settings)),
        lock=lock,
        ready=lambda: listens(network.GATEWAY, settings.registry_port),
        seconds=_START_SECONDS,
    )


def stop(state: State, *, force: bool = False) -> bool:
    """Stop our forwarder; return whether it was running.

    Open connections stay until either side closes them.
    """
    return daemon(state).stop(seconds=_STOP_SECONDS, waiting=lambda _: None, force=force)


def check_port(settings: Settings) -> None:
    """Raise AirgapError if something listens at the registry's port on the bridge's address."""
    if listens(network.GATEWAY, settings.registry_port):
        address, owner = container_address(settings), port_owner(settings.registry_port, network.GATEWAY)
        raise AirgapError(
            f"the forwarder's port {address} is taken by {owner or 'an invisible process'}",
            hint="stop that process, or set AIRGAP_REGISTRY_PORT to a free port",
        )


def _fingerprint(settings: Settings) -> str:
    return fingerprint_of(repr(command(settings)))
