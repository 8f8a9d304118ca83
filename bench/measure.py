"""Measure the cost of a run on the whole machine, because both sides do their work in daemons."""

from __future__ import annotations

import fcntl
import os
import statistics
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airgap.errors import AirgapError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SAMPLE = 0.2  # seconds between two samples of memory


@dataclass(frozen=True)
class Cost:
    """The cost of a run: seconds of wall clock and of all processors, bytes, and the exit code.

    `network` is the bytes received by the machine's interface, `memory` the peak
    above the usage before the run, `disk` the increase in disk usage.
    """

    seconds: float
    cpu: float
    network: int
    memory: int
    disk: int
    exit_code: int

    def as_dict(self) -> dict[str, float | int]:
        """Convert to JSON values."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def run(command: Sequence[str], folder: Path, *, disk: Path, log: Path, limit: float) -> Cost:
    """Run a program and return its cost; its output is in ``log``."""
    peak = _Peak()
    before = _state(disk)
    began = time.monotonic()
    with log.open("wb") as out, peak:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
    seconds = time.monotonic() - began
    cpu, network, used = (now - then for now, then in zip(_state(disk), before, strict=True))
    return Cost(seconds, cpu, int(network), peak.most, int(used), code)


def timed(command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> float:
    """Run a program and return the seconds of wall clock. Raise AirgapError if it fails."""
    began = time.monotonic()
    printed(command, folder, env)
    return time.monotonic() - began


def printed(command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a program and return its output. Raise AirgapError if it fails. ``env`` extends the environment."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise failure(command, done.returncode, done.stderr)
    return done.stdout


def failure(command: Sequence[str], code: int, output: str) -> AirgapError:
    """Return the error of a failed program, with the end of its output."""
    return AirgapError(f"`{' '.join(command)}` ended with exit code {code}:\n{output[-3000:]}")


def spread(seconds: Sequence[float], digits: int = 2) -> dict[str, float]:
    """Return the median, minimum and maximum."""
    found = {"median": statistics.median(seconds), "least": min(seconds), "most": max(seconds)}
    return {name: round(value, digits) for name, value in found.items()}


@contextmanager
def alone(lock: Path | None) -> Iterator[None]:
    """Hold a lock file that other programs on the machine hold during heavy work."""
    if lock is None:
        yield
        return
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _state(disk: Path) -> tuple[float, float, float]:
    """Return seconds of all processors, bytes received, bytes used on the disk."""
    words = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, *_ = (int(word) for word in words)
    found = os.statvfs(disk)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK"), float(_received()), float(used)


def _received() -> int:
    """Return the bytes received by the interface of the default route."""
    for line in Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]:
        name, destination, *_ = line.split()
        if destination == "00000000":
            return int(Path(f"/sys/class/net/{name}/statistics/rx_bytes").read_text(encoding="ascii"))
    return 0


class _Peak:
    """Sample the machine's free memory in a thread."""

    def __init__(self) -> None:
        self.most = 0
        self._before = _available()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(_SAMPLE):
            self.most = max(self.most, self._before - _available())


def _available() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0
