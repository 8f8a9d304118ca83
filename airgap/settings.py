"""Settings from the environment, checked once at the start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airgap.errors import AirgapError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "v0.21.8"  # of Dagger's engine and CLI; also the name of the state folder

DEFAULT_SOCKET = Path("/run/dagger/engine.sock")  # the default of Dagger's clients and engine
DEFAULT_REGISTRY_PORT = 5000
_LAST_PORT = 65535
DEFAULT_MIN_FREE_GB = 8.0  # a first `up` uses about 6 GB: Go's module and build caches, images, registry

HELP = f"""\
environment:
  AIRGAP_STATE          folder of all generated files (XDG_CACHE_HOME/dagger-airgap/{VERSION},
                        XDG_CACHE_HOME being ~/.cache when unset)
  AIRGAP_REGISTRY_PORT  the registry's port, on 127.0.0.1 and on 10.87.0.1 ({DEFAULT_REGISTRY_PORT})
  AIRGAP_SOCKET         the engine's socket; its file name must be engine.sock ({DEFAULT_SOCKET})
  AIRGAP_ARTIFACTS      another state folder, read only, whose finished builds are reused
  AIRGAP_MIN_FREE_GB    free disk space that `up` requires before it starts ({DEFAULT_MIN_FREE_GB:g})
  CI_ENGINE             airgap, docker or runner: the engine that `env --auto` uses, without detection

A second engine needs its own network namespace (`unshare --net`), AIRGAP_STATE and AIRGAP_SOCKET.
"""


@dataclass(frozen=True)
class Settings:
    """Paths, ports and limits."""

    state: Path
    socket: Path = DEFAULT_SOCKET
    registry_port: int = DEFAULT_REGISTRY_PORT
    min_free_gb: float = DEFAULT_MIN_FREE_GB
    artifacts: Path | None = None

    @property
    def registry(self) -> str:
        """Host and port of the registry, as in image references."""
        return f"127.0.0.1:{self.registry_port}"

    @property
    def runner_host(self) -> str:
        """The engine's address, as Dagger's clients expect it."""
        return f"unix://{self.socket}"


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read the settings. Raise AirgapError, which names the variable and its value, if one is invalid."""
    cache = environ.get("XDG_CACHE_HOME") or f"{environ.get('HOME') or '/root'}/.cache"
    return Settings(
        state=_folder(environ, "AIRGAP_STATE") or _sane("XDG_CACHE_HOME", cache) / "dagger-airgap" / VERSION,
        socket=_socket(environ),
        registry_port=_port(environ),
        min_free_gb=_amount(environ),
        artifacts=_folder(environ, "AIRGAP_ARTIFACTS"),
    )


def _folder(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name)
    return _sane(name, value) if value else None


def _sane(name: str, value: str) -> Path:
    """Return the path if it is usable in PATH, in a mount option and in a shell's `eval`."""
    path = Path(value)
    if not path.is_absolute() or any(c in ":,\\" or c.isspace() or not c.isprintable() for c in value):
        raise AirgapError(
            f"{name}={value!r} is not a usable path",
            hint="use an absolute path without spaces, colons, commas or backslashes",
        )
    return path


def _socket(environ: Mapping[str, str]) -> Path:
    path = _folder(environ, "AIRGAP_SOCKET") or DEFAULT_SOCKET
    if path.name != DEFAULT_SOCKET.name:
        raise AirgapError(f"AIRGAP_SOCKET={path} is not usable", hint=f"name the file {DEFAULT_SOCKET.name}")
    return path


def _port(environ: Mapping[str, str]) -> int:
    value = environ.get("AIRGAP_REGISTRY_PORT") or str(DEFAULT_REGISTRY_PORT)
    if not value.isascii() or not value.isdigit() or not 0 < int(value) <= _LAST_PORT:
        raise AirgapError(
            f"AIRGAP_REGISTRY_PORT={value!r} is not a port", hint="use a number from 1 to 65535"
        )
    return int(value)


def _amount(environ: Mapping[str, str]) -> float:
    value = environ.get("AIRGAP_MIN_FREE_GB") or str(DEFAULT_MIN_FREE_GB)
    try:
        amount = float(value)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise AirgapError(
            f"AIRGAP_MIN_FREE_GB={value!r} is not an amount", hint="use a number of gigabytes, 0 or more"
        )
    return amount
