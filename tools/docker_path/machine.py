"""Start and stop the Docker Engine, load the engine's image, and let the engine reach the registry."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from airgap import enginebuild, engineimage, forwarder
from airgap.daemon import Daemon, Program
from airgap.errors import AirgapError
from airgap.settings import VERSION
from airgap.sockets import listens, port_answers
from airgap.state import State, fingerprint_of, locked, read_json, write_json
from bench.peer.docker import Docker, Link

if TYPE_CHECKING:
    from collections.abc import Callable

    from airgap.settings import Settings

LINK = Link("docker-path0", "172.31.239.2", "172.31.239.1")
CONTAINER = f"dagger-engine-{VERSION}"  # the name that the CLI gives to the container of its version
_DAEMON_SECONDS = 10
_ENGINE_SECONDS = 120  # an engine that is killed loses its cache


@dataclass(frozen=True)
class Machine:
    """The Docker Engine, its state folder, and the air-gapped engine's settings."""

    settings: Settings
    say: Callable[[str], None]

    @cached_property
    def state(self) -> State:
        """The state folder; it uses what the air-gapped engine's has, and never writes there."""
        folder = os.environ.get("DOCKER_PATH_STATE") or str(self.settings.state.parent / "docker-path")
        return State(Path(folder), self.settings.state)

    @cached_property
    def docker(self) -> Docker:
        """The Docker Engine. Its socket is in the folder that it shares with this machine."""
        sockets = ("unix:///var/run/docker.sock", f"unix://{self.socket}")
        options = tuple(word for socket in sockets for word in ("--host", socket))
        return Docker(self.state, self.say, LINK, options)

    @property
    def socket(self) -> Path:
        """The Docker Engine's socket."""
        return self.state / "shared" / "docker.sock"

    @property
    def programs(self) -> Path:
        """The folder of `docker` and `dagger`, for PATH."""
        return self.state / "bin"

    @property
    def registry(self) -> str:
        """The registry's host and port as seen from the Docker Engine's network."""
        return f"{LINK.gateway}:{self.settings.registry_port}"

    @property
    def forwarder(self) -> Daemon:
        """The daemon that offers the registry to the Docker Engine's network."""
        return Daemon("forwarder", self.state / "forwarder.pid", self.state.log("forwarder"))

    def up(self) -> None:
        """Start everything and leave it running; quick if it already runs."""
        if not port_answers(self.settings.registry_port):
            raise AirgapError(
                f"no registry answers at {self.settings.registry}", hint="run python3 -m airgap up"
            )
        self.docker.up()
        with locked(self.state, self.say) as lock:
            self._forward(lock)
            self._load()
            self._link_programs()
        self.say(f"up: Docker at unix://{self.socket}, {self.cgroups()}")

    def variables(self) -> dict[str, str]:
        """Return the variables for a shell. Raise AirgapError if the Docker Engine does not run."""
        if self.docker.daemon.process() is None:
            raise AirgapError("this Docker Engine does not run", hint="run python3 -m tools.docker_path up")
        return {
            "DOCKER_HOST": f"unix://{self.socket}",
            "CI_ENGINE": "docker",
            "CI_REGISTRY": self.settings.registry,
        }

    def cgroups(self) -> str:
        """Return which version of the control groups the Docker Engine found."""
        found = self.docker.run("docker", "info", "--format", "{{.CgroupVersion}}").stdout.strip()
        return f"cgroup v{found}"

    def status(self) -> str:
        """Return what runs."""
        if self.docker.daemon.process() is None:
            return "Docker does not run"
        names = self.docker.run("docker", "ps", "--format", "{{.Names}} ({{.Image}}, {{.Status}})").stdout
        return f"Docker at unix://{self.socket}, {self.cgroups()}\n{names or 'no containers'}".rstrip()

    def down(self) -> None:
        """Stop the engine, then Docker; images and the engine's cache are preserved."""
        if self.docker.daemon.process() is not None:
            stop = ("docker", "stop", "--time", str(_ENGINE_SECONDS), CONTAINER)
            self.docker.run(*stop, check=False)  # fails if no engine was started
        self.docker.down()
        with locked(self.state, self.say):
            self._stop_forwarder()

    def reset(self) -> None:
        """Stop everything and remove all generated files."""
        self.down()
        shutil.rmtree(self.state.root)

    def _forward(self, lock: int) -> None:
        port = self.settings.registry_port
        command = forwarder.forwarding(
            port, bind=LINK.gateway, clients=f"{LINK.address}/32", registry=self.settings.registry
        )
        fingerprint = fingerprint_of(repr(command))
        if self.forwarder.process() is not None and self.forwarder.fingerprint() == fingerprint:
            return
        self._stop_forwarder()
        self.forwarder.start(
            Program(command, {"PATH": "/usr/bin:/bin"}, fingerprint),
            lock=lock,
            ready=lambda: listens(LINK.gateway, port),
            seconds=_DAEMON_SECONDS,
        )

    def _stop_forwarder(self) -> None:
        self.forwarder.stop(seconds=_DAEMON_SECONDS, waiting=lambda _: None)

    def _load(self) -> None:
        """Load the engine's image; an engine that runs an older one is removed with its cache."""
        record = self.state / "loaded.json"
        files = engineimage.files(self.settings, registry=self.registry)
        wanted = fingerprint_of(engineimage.fingerprint(), repr(files))
        inspected = self.docker.run("docker", "image", "inspect", engineimage.REFERENCE, check=False)
        if inspected.returncode == 0 and read_json(record).get("engine") == wanted:
            return
        self.say(f"loading a stand-in for {engineimage.REFERENCE}")
        archive = self.docker.shared / "engine.tar"
        engineimage.archive(self.state, self.settings, archive, registry=self.registry)
        self.docker.run("docker", "rm", "--force", "--volumes", CONTAINER, check=False)
        self.docker.run("docker", "load", "--input", str(archive))
        archive.unlink()
        write_json(record, {"engine": wanted})

    def _link_programs(self) -> None:
        """Link Dagger's CLI and Docker's, which a machine with Docker has on PATH."""
        self.programs.mkdir(exist_ok=True)
        for name, target in (
            ("dagger", enginebuild.programs(self.state) / "dagger"),
            ("docker", self.docker.root / "usr/bin/docker"),
        ):
            link = self.programs / name
            link.unlink(missing_ok=True)
            link.symlink_to(target)
