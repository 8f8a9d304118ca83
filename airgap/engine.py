"""The Dagger engine as a process in its own mount namespace: start, stop, and connected clients."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from airgap import enginebuild, network
from airgap.daemon import Daemon, Program, inherited
from airgap.errors import AirgapError
from airgap.settings import DEFAULT_SOCKET
from airgap.sockets import answers, clients, socket_owners
from airgap.state import fingerprint_of, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from airgap.settings import Settings
    from airgap.state import State

# After a kill the engine deletes its whole cache before it listens, and 40 GB take minutes on a slow disk.
START_SECONDS = 900
STOP_SECONDS = 330  # the engine waits up to 5 minutes for connected clients
FORCE_SECONDS = 10

_SCRIPT = Path(__file__).with_name("engine.sh")
_PLUGINS = Path("/usr/lib/cni")
_PLUGIN_NAMES = ("bridge", "firewall", "host-local", "loopback")
# /usr/bin before /usr/sbin, because the plugins must use the iptables that the engine links in /usr/bin.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin"
# Folders that engine.sh mounts over, so they must exist. They stay until `reset`, because removing one would
# also remove what another engine, in its own mount namespace, has mounted there.
_COVERED = ("/run/dagger", "/run/buildkit", "/run/containers", "/run/runc", "/var/lib/cni")


def daemon(state: State) -> Daemon:
    """Return the engine of this state folder."""
    return Daemon("engine", state / "engine.pid", state.log("engine"))


def configuration(settings: Settings) -> dict[str, object]:
    """Return the engine's configuration (Dagger's engine.json): mirrors and cache limits.

    The limits are fixed, because the defaults drop the whole cache once the disk is 80 % full.
    """
    mirror = {"mirrors": [settings.registry]}
    registries: dict[str, object] = dict.fromkeys(
        ("docker.io", "ghcr.io", "quay.io", "mirror.gcr.io"), mirror
    )
    registries[settings.registry] = {"http": True}
    return {
        "logLevel": "info",
        "registries": registries,
        "gc": {"maxUsedSpace": "40GB", "reservedSpace": "10GB", "minFreeSpace": "2GB"},
    }


def _arguments(state: State) -> tuple[str, ...]:
    return (
        *("--root", str(state / "engine-root")),
        *("--oci-cni-binary-dir", str(state / "run" / "cni")),
        *("--oci-cni-pool-size", "16"),
    )


def fingerprint(state: State, settings: Settings) -> str:
    """Hash everything that decides how the engine runs: programs, arguments, configuration, start script."""
    return fingerprint_of(
        enginebuild.fingerprint(),
        repr(_arguments(state)),
        repr(configuration(settings)),
        str(settings.socket),
        _SCRIPT,
    )


def runs(state: State, settings: Settings) -> bool:
    """Return whether our engine runs, is the one that this checkout would start, and answers."""
    return daemon(state).fingerprint() == fingerprint(state, settings) and answers_here(state, settings)


def answers_here(state: State, settings: Settings) -> bool:
    """Return whether our engine runs and answers at its socket."""
    return daemon(state).process() is not None and answers(settings.socket)


def start(state: State, settings: Settings, lock: int, say: Callable[[str], None]) -> None:
    """Start the engine in place of an older one of ours.

    Raise AirgapError if a foreign engine is in the way.
    """
    stop(state, say)
    check_alone(settings)
    network.clean(state)
    _arrange(state, settings)
    _make_mount_points(state, settings)
    network.mark(state)
    daemon(state).start(
        Program(
            (
                *("unshare", "--mount", "--propagation", "private"),
                *("sh", str(_SCRIPT), str(state.root), str(settings.socket.parent)),
                str(enginebuild.programs(state) / "engine"),
                *_arguments(state),
            ),
            {"PATH": _PATH, "TMPDIR": str(state / "engine-tmp"), **inherited("HOME", "LANG", "TZ")},
            fingerprint(state, settings),
        ),
        lock=lock,
        ready=lambda: answers(settings.socket),
        seconds=START_SECONDS,
    )


def stop(state: State, say: Callable[[str], None], *, force: bool = False) -> bool:
    """Stop our engine, report the clients it waits for, clean up its network.

    Return whether it was running.
    """

    def waiting(seconds: float) -> None:
        say(f"engine: stopping for {seconds:.0f} s, waiting for {served(state) or 'running work'}")

    if served(state):
        say(f"engine: still serves {served(state)}; it stops when they disconnect, or after 5 minutes")
    ran = daemon(state).stop(seconds=FORCE_SECONDS if force else STOP_SECONDS, waiting=waiting, force=force)
    network.clean(state)
    return ran


def served(state: State) -> str:
    """Return the connected clients as text, or "" if there are none."""
    process = daemon(state).process()
    return ", ".join(str(client) for client in clients(process)) if process else ""


def check_alone(settings: Settings) -> None:
    """Raise AirgapError if another engine is in this network namespace or another process has the socket."""
    for path in dict.fromkeys((DEFAULT_SOCKET, settings.socket)):
        others = socket_owners(path)
        if others:
            raise AirgapError(
                f"another engine is in this network namespace: {others[0]} listens at {path}",
                hint="use it (_EXPERIMENTAL_DAGGER_RUNNER_HOST), stop it, or run here under `unshare --net`",
            )
    if answers(settings.socket):
        raise AirgapError(
            f"the engine's socket {settings.socket} is taken by an invisible process",
            hint="stop that process, or set AIRGAP_SOCKET to another path",
        )


def _arrange(state: State, settings: Settings) -> None:
    """Create the files and links that engine.sh and the engine expect."""
    programs = enginebuild.programs(state)
    # `net` has the names of network namespaces that a killed engine left; the engine would try each of them.
    for left in ("run", "engine-tmp", "engine-root/net"):
        shutil.rmtree(state / left, ignore_errors=True)
    for folder in ("mnt", "engine-tmp", "run/bin", "run/cni", "run/content", "run/ca-certificates"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "run/bin/runc").symlink_to(shutil.which("runc", path=_PATH) or "/usr/sbin/runc")
    (state / "run/bin/dagger-init").symlink_to(programs / "init")
    (state / "run/cni/dnsname").symlink_to(programs / "dnsname")
    for name in _PLUGIN_NAMES:
        (state / "run/cni" / name).symlink_to(_PLUGINS / name)
    write_json(state / "engine.json", configuration(settings))


def mount_points(settings: Settings) -> list[Path]:
    """Return the required folders outside of the state folder, each after its parent."""
    sockets = settings.socket.parent
    return [Path(each) for each in (*_COVERED, sockets, sockets / "airgap")]


def _make_mount_points(state: State, settings: Settings) -> None:
    record = state / "mount-points.json"
    absent = [str(path) for path in mount_points(settings) if not path.is_dir()]
    known = read_json(record).get("made", [])
    write_json(record, {"made": list(dict.fromkeys([*known, *absent]))})
    for path in mount_points(settings):
        path.mkdir(parents=True, exist_ok=True)


def remove_mount_points(state: State) -> None:
    """Remove the mount points that this program created, if they are empty and nothing is mounted there."""
    for name in reversed(read_json(state / "mount-points.json").get("made", [])):
        path = Path(name)
        if path.is_dir() and not any(path.iterdir()) and not _mounted_on(name):
            path.rmdir()


def _mounted_on(name: str) -> bool:
    """Return whether any process has something mounted at a path."""
    for table in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            if f" {name} " in table.read_text(encoding="utf-8"):
                return True
        except OSError:  # the process has ended
            continue
    return False
