"""The image registry on the loopback: Debian's docker-registry with our configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airgap import packages
from airgap.daemon import Daemon, Program, inherited
from airgap.errors import AirgapError
from airgap.sockets import port_answers, port_owner
from airgap.state import fingerprint_of, write

if TYPE_CHECKING:
    from pathlib import Path

    from airgap.settings import Settings
    from airgap.state import State

PACKAGE = "docker-registry"
_START_SECONDS = 20
_STOP_SECONDS = 20


def daemon(state: State) -> Daemon:
    """Return the registry of this state folder."""
    return Daemon("registry", state / "registry.pid", state.log("registry"))


def program(state: State) -> Path:
    """Return the program's path.

    The package is unpacked, not installed, because installing it starts a service.
    """
    return state.artifact("registry-program", PACKAGE) / "usr" / "bin" / "docker-registry"


def fetch(state: State) -> str:
    """Unpack the program from its Debian package; return what a user should know about the package lists."""
    notes = []

    def into(made: Path) -> None:
        notes.append(packages.extract(PACKAGE, made, state.log("registry-program")))

    state.make("registry-program", PACKAGE, into)
    return notes[0]


def configuration(settings: Settings) -> str:
    """Return the configuration as JSON, which is valid YAML: loopback only, no password, deletion enabled."""
    return json.dumps(
        {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(settings.state / "registry" / "data")},
                "delete": {"enabled": True},
            },
            "http": {"addr": settings.registry},
        }
    )


def runs(state: State, settings: Settings) -> bool:
    """Return whether our registry runs with this configuration and answers."""
    ours = daemon(state)
    return (
        ours.process() is not None
        and ours.fingerprint() == fingerprint_of(configuration(settings))
        and port_answers(settings.registry_port)
    )


def start(state: State, settings: Settings, lock: int) -> None:
    """Start the registry. Raise AirgapError if the port is in use."""
    ours = daemon(state)
    stop(state)
    check_port(settings)
    config = state / "registry" / "config.yml"
    write(config, configuration(settings))
    ours.start(
        Program(
            (str(program(state)), "serve", str(config)),
            {"PATH": "/usr/bin:/bin", **inherited()},
            fingerprint_of(configuration(settings)),
        ),
        lock=lock,
        ready=lambda: port_answers(settings.registry_port),
        seconds=_START_SECONDS,
    )


def stop(state: State, *, force: bool = False) -> bool:
    """Stop our registry; return whether it was running."""
    return daemon(state).stop(seconds=_STOP_SECONDS, waiting=lambda _: None, force=force)


def check_port(settings: Settings) -> None:
    """Raise AirgapError if something listens at the registry's port."""
    if port_answers(settings.registry_port):
        owner = port_owner(settings.registry_port)
        raise AirgapError(
            f"the registry's port {settings.registry} is taken by {owner or 'an invisible process'}",
            hint="stop that process, or set AIRGAP_REGISTRY_PORT to a free port",
        )
