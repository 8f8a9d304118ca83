"""A site for an engine: its own network namespace, state folder and socket."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airgap import settings
from airgap.process import identify, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[2]
PROXY_PORT = 3128
LIMIT = 300  # seconds after which a program counts as hanging


@dataclass(frozen=True)
class Ended:
    """The exit code and output of a program."""

    code: int
    stdout: str
    stderr: str
    seconds: float


@dataclass
class Site:
    """A site. ``env`` extends the environment of its programs."""

    folder: Path
    holder: int
    env: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / "state"

    @property
    def socket(self) -> Path:
        """The engine's socket."""
        return self.folder / "run" / "engine.sock"

    def log(self, name: str) -> str:
        """Return the log of a step or a daemon."""
        path = self.state / "logs" / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def start(self, *argv: str, **env: str) -> subprocess.Popen[str]:
        """Start a program in the namespace, in its own process group."""
        return subprocess.Popen(
            ("nsenter", f"--net=/proc/{self.holder}/ns/net", *argv),
            cwd=ROOT,
            env={**clean_environment(), **self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *argv: str, **env: str) -> Ended:
        """Run a program in the namespace."""
        began = time.monotonic()
        with self.start(*argv, **env) as child:
            return ended(child, began)

    def airgap(self, *words: str, **env: str) -> Ended:
        """Run `python3 -m airgap WORDS`."""
        return self.run(sys.executable, "-m", "airgap", *words, **env)

    def begin(self, *words: str, **env: str) -> subprocess.Popen[str]:
        """Start `python3 -m airgap WORDS`."""
        return self.start(sys.executable, "-m", "airgap", *words, **env)

    def up(self) -> Ended:
        """Run `up`, which must succeed."""
        done = self.airgap("up")
        assert done.code == 0, done.stderr
        return done

    def status(self) -> dict[str, Any]:
        """Return the output of `status --json`."""
        done = self.airgap("status", "--json")
        assert done.code == 0, done.stderr
        facts: dict[str, Any] = json.loads(done.stdout)
        return facts

    def dagger(self, *words: str) -> tuple[str, ...]:
        """Return the command of a `dagger` call with the exports of `env`, as users run it."""
        script = f'eval "$("$0" -m airgap env)"; cd {self.folder}; exec dagger "$@"'
        return ("sh", "-c", script, sys.executable, *words)


ALL = ("engine", "images", "registry-program", "trivy-database")


def ended(child: subprocess.Popen[str], began: float | None = None) -> Ended:
    """Wait for a program; return its exit code and output."""
    stdout, stderr = child.communicate(timeout=LIMIT)
    return Ended(child.returncode, stdout, stderr, time.monotonic() - (began or 0))


def clean_environment() -> dict[str, str]:
    """Return the environment without variables that name an engine or a state folder."""
    prefixes = ("AIRGAP_", "CI_", "DAGGER_", "_EXPERIMENTAL_DAGGER")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


def artifacts() -> Path:
    """Return the user's state folder, whose artifacts are reused."""
    state = settings.from_environment(clean_environment()).state
    if not (state / "engine").is_dir() or not (state / "images").is_dir():
        pytest.fail(f"there are no artifacts in {state}: run `python3 -m airgap up` first")
    return state


@contextmanager
def site(*kinds: str) -> Iterator[Site]:
    """Create a site with the user's artifacts of these kinds (folders in the state folder)."""
    if os.geteuid() != 0:
        pytest.fail("these tests need root; `make test-unit` runs those that do not")
    folder = Path(tempfile.mkdtemp(prefix="airgap-"))
    with _namespace() as holder:
        place = Site(folder, holder)
        for kind in kinds:
            link = folder / "artifacts" / kind
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(artifacts() / kind)
        place.env |= {
            "AIRGAP_STATE": str(place.state),
            "AIRGAP_SOCKET": str(place.socket),
            "AIRGAP_ARTIFACTS": str(folder / "artifacts"),
            "AIRGAP_MIN_FREE_GB": "0.5",
        }
        try:
            yield place
        finally:
            done = place.airgap("reset", "--yes", "--force")
            assert done.code == 0, done.stderr
            shutil.rmtree(folder)


@contextmanager
def _namespace() -> Iterator[int]:
    """Yield the id of a process that holds a network namespace with only a loopback."""
    script = "ip link set lo up && echo ready && exec cat"
    with subprocess.Popen(
        ("unshare", "--net", "sh", "-c", script), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        try:
            yield holder.pid
        finally:
            holder.terminate()


@contextmanager
def proxied(place: Site) -> Iterator[None]:
    """Let programs of the site reach the host's package registries through a proxy."""
    argv = (sys.executable, str(Path(__file__).with_name("proxy.py")), str(place.holder), str(PROXY_PORT))
    address = f"http://127.0.0.1:{PROXY_PORT}"
    before = dict(place.env)
    place.env |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), address)
    place.env |= dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        assert proxy.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            proxy.terminate()
            place.env = before


def kill_group(child: subprocess.Popen[str]) -> Ended:
    """Kill a process group immediately, like a power failure; return its output."""
    os.killpg(child.pid, signal.SIGKILL)
    return ended(child)


def lines_until(child: subprocess.Popen[str], text: str) -> list[str]:
    """Read a program's stderr up to the line that contains this text."""
    assert child.stderr is not None
    lines = []
    for line in child.stderr:
        lines.append(line)
        if text in line:
            return lines
    pytest.fail(f"{text!r} did not come, but:\n{''.join(lines)}")


def gone(pid: int, seconds: float = 10) -> bool:
    """Return whether a process ends within some seconds."""
    return wait_until(lambda: identify(pid) is None, seconds=seconds)


def lines(text: str, words: Sequence[str]) -> list[str]:
    """Return the lines that contain all the words."""
    return [line for line in text.splitlines() if all(word in line for word in words)]


@contextmanager
def linked(place: Site) -> Iterator[None]:
    """Connect the site, including containers of its engine, to the host's network."""
    name = f"ci{place.holder}"
    network = f"10.214.{place.holder % 250}"
    rule = ("POSTROUTING", "-s", f"{network}.2/32", "!", "-o", name, "-j", "MASQUERADE")
    tables = "legacy" if Path("/proc/net/ip_tables_names").exists() else "nft"
    masquerade = (f"iptables-{tables}", "-w", "-t", "nat")

    def run(*argv: str) -> None:
        subprocess.run(argv, check=True, capture_output=True)

    def inside(*argv: str) -> None:
        run("nsenter", f"--net=/proc/{place.holder}/ns/net", "ip", *argv)

    assert Path("/proc/sys/net/ipv4/ip_forward").read_text(encoding="ascii") == "1\n"  # by the host's engine
    with ExitStack() as undo:
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(place.holder))
        undo.callback(run, "ip", "link", "delete", name)
        run("ip", "address", "add", f"{network}.1/30", "dev", name)
        run("ip", "link", "set", name, "up")
        inside("address", "add", f"{network}.2/30", "dev", "eth0")
        inside("link", "set", "eth0", "up")
        inside("route", "add", "default", "via", f"{network}.1")
        run(*masquerade, "-A", *rule)
        undo.callback(run, *masquerade, "-D", *rule)
        yield
