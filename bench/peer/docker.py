"""Docker, Compose and buildx from Debian packages, in their own root and network namespace.

On the machine itself only tools of Debian are installed, and no port is opened.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airgap import packages
from airgap.daemon import Daemon, Program, inherited
from airgap.errors import AirgapError
from airgap.process import run
from airgap.rootfs import authorities, mirrors, proxies
from airgap.state import State, fingerprint_of, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# The first Debian suite whose Docker (26.1) supports a healthcheck's start interval.
SUITE = "trixie"
INSIDE = ("docker.io", "docker-cli", "docker-buildx", "ca-certificates", "iptables", "iproute2")
TOOLS = ("iproute2", "iptables", "mmdebstrap", "skopeo", "util-linux")
REGISTRY = "127.0.0.1:5000"  # on the loopback of Docker's network namespace

_SCRIPT = Path(__file__).with_name("daemon.sh")
_PLUGINS = "usr/libexec/docker/cli-plugins"
_START_SECONDS = 60
_STOP_SECONDS = 60


def default_state() -> Path:
    """Return the folder of all generated files: BENCH_STATE, or one in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or f"{os.environ.get('HOME') or '/root'}/.cache"
    return Path(os.environ.get("BENCH_STATE") or f"{cache}/containerise-bench")


@dataclass(frozen=True)
class Link:
    """The pair of interfaces that links Docker's network to this one: our end's name, both addresses."""

    name: str
    address: str
    gateway: str


PEER = Link("peer0", "172.31.238.2", "172.31.238.1")


@dataclass(frozen=True)
class Docker:
    """A Docker in a state folder. The folder `shared` has the same path in Docker's root.

    Each Docker that runs concurrently needs a link of its own. ``options`` are further options of dockerd.
    ``driver`` stores the images: overlayfs is containerd's, which needs a feature to be enabled.
    """

    state: State
    say: Callable[[str], None]
    link: Link = PEER
    options: tuple[str, ...] = ()
    driver: str = "overlay2"

    @property
    def shared(self) -> Path:
        """The folder of projects whose files it mounts, and of archives to load."""
        return self.state / "shared"

    @property
    def data(self) -> Path:
        """The folder of images, containers, volumes and build cache."""
        return self.state / "data"

    @property
    def daemon(self) -> Daemon:
        """Return the daemon."""
        return Daemon("docker", self.state / "docker.pid", self.state.log("docker"))

    def up(self) -> None:
        """Start Docker and leave it running; quick if it already runs."""
        if os.geteuid() != 0 or not packages.on_debian():
            raise AirgapError("this Docker needs root on Debian", hint="run it as root on Debian")
        with locked(self.state, self.say) as lock:
            self.state.prepare()
            packages.install(TOOLS, self.state.log("packages"))
            root = self._root()
            if self.daemon.process() is not None and self.daemon.fingerprint() == self._fingerprint():
                return
            self._stop()
            self.say("starting Docker")
            self._start(root, lock)

    def down(self) -> None:
        """Stop Docker; images and build cache are preserved."""
        with locked(self.state, self.say):
            self._stop()

    def reset(self) -> None:
        """Stop Docker and remove all generated files."""
        self.down()
        shutil.rmtree(self.state.root)

    def command(self, argv: Sequence[str], *, folder: Path | None = None) -> list[str]:
        """Return the command that runs ``argv`` in Docker's root and network."""
        process = self.daemon.process()
        if process is None:
            raise AirgapError("Docker does not run", hint="run python3 -m bench.peer up")
        enter = ["nsenter", "--target", str(process.pid), "--mount", "--net"]
        words = ["env", "-i", f"--chdir={folder or '/'}", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"]
        return [*enter, *words, *argv]

    def run(
        self,
        *argv: str,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        limit: float = 600,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in Docker's root. With ``check``, raise AirgapError if it fails."""
        extra = [f"{name}={value}" for name, value in (env or {}).items()]
        done = subprocess.run(
            self.command([*extra, *argv], folder=folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=limit,
        )
        if check and done.returncode != 0:
            shown = (done.stdout + done.stderr)[-4000:]
            raise AirgapError(f"`{' '.join(argv)}` ended with exit code {done.returncode}:\n{shown}")
        return done

    @property
    def root(self) -> Path:
        """Docker's root, whether or not it is there."""
        return self.state.artifact("root", _root_fingerprint())

    def _root(self) -> Path:
        compose = compose_binary()
        lines = list(mirrors(SUITE))
        if self.root.exists():
            return self.root
        self.say("creating Docker's root from Debian packages")
        log = self.state.log("root")

        def build(made: Path) -> None:
            argv = (
                "mmdebstrap",
                "--mode=root",
                "--variant=minbase",
                "--format=directory",
                "--skip=output/dev",
            )
            include = f"--include={','.join(INSIDE)}"
            run((*argv, include, SUITE, str(made), *lines), log=log, env=proxies())
            for certificate in authorities():
                shutil.copy(certificate, made / "usr/local/share/ca-certificates")
            run(("chroot", str(made), "update-ca-certificates"), log=log)
            (made / "etc/resolv.conf").unlink(missing_ok=True)
            (made / _PLUGINS).mkdir(parents=True, exist_ok=True)
            shutil.copy(compose, made / _PLUGINS / "docker-compose")
            (made / _PLUGINS / "docker-compose").chmod(0o755)

        return self.state.make("root", _root_fingerprint(), build)

    def _fingerprint(self) -> str:
        return fingerprint_of(
            SUITE,
            " ".join(INSIDE),
            compose_binary(),
            _SCRIPT,
            repr(self.link),
            self.driver,
            " ".join(self.options),
        )

    def _start(self, root: Path, lock: int) -> None:
        for folder in (self.shared, self.data):
            folder.mkdir(parents=True, exist_ok=True)
        self._masquerade("-A")
        namespace = ("unshare", "--mount", "--propagation", "private", "sh", str(_SCRIPT))
        ends = (self.link.name, self.link.address, self.link.gateway)
        places = (str(root), str(self.shared), str(self.data), *ends)
        dockerd = ("dockerd", "--data-root", str(self.data), "--storage-driver", self.driver)
        options = ("--bip", "172.31.240.1/24", "--default-address-pool", "base=172.31.128.0/18,size=24")
        self.daemon.start(
            Program(
                (*namespace, *places, *dockerd, *options, *self.options),
                {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **inherited()},
                self._fingerprint(),
            ),
            lock=lock,
            ready=self._answers,
            seconds=_START_SECONDS,
        )

    def _answers(self) -> bool:
        if self.daemon.process() is None:
            return False
        return self.run("docker", "version", check=False).returncode == 0

    def _stop(self) -> None:
        self.daemon.stop(
            seconds=_STOP_SECONDS, waiting=lambda so_far: self.say(f"stopping Docker for {so_far:.0f} s")
        )
        self._masquerade("-D")

    def _masquerade(self, action: str) -> None:
        """Add or remove the iptables rule for Docker's network, after removing a stale one."""
        kind = "legacy" if Path("/proc/net/ip_tables_names").exists() else "nft"
        outside = ("-s", f"{self.link.address}/32", "!", "-o", self.link.name)
        rule = ("POSTROUTING", *outside, "-j", "MASQUERADE")
        argv = (f"/usr/sbin/iptables-{kind}", "-w", "-t", "nat")
        while subprocess.run([*argv, "-D", *rule], capture_output=True, check=False).returncode == 0:
            pass
        if action == "-A":
            run((*argv, "-A", *rule), log=self.state.log("network"))


def _root_fingerprint() -> str:
    return fingerprint_of(SUITE, " ".join(INSIDE), compose_binary())


def compose_binary() -> Path:
    """Return the Compose binary of the development environment."""
    found = Path(__file__).parents[2] / ".venv" / "bin" / "docker-compose"
    if not found.is_file():
        raise AirgapError(f"{found} does not exist", hint="run make .venv/ready")
    return found


@contextmanager
def running(say: Callable[[str], None]) -> Iterator[Docker]:
    """Yield a running Docker, and stop it at the end only if it was started here."""
    docker = Docker(State(default_state()), say)
    before = docker.daemon.process()
    docker.up()
    try:
        yield docker
    finally:
        if before is None:
            docker.down()


__all__ = ["PEER", "REGISTRY", "Docker", "Link", "default_state", "running"]
