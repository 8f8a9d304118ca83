"""Run programs for steps, and identify long-running processes.

A process id alone is not enough, because ids are reused and a zombie still has one. Here a process is its id
*and* its start time, and a zombie is not running.
"""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from airgap.errors import AirgapError, Interrupted, StepFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_TAIL_BYTES = 32_768

_children: set[subprocess.Popen[bytes]] = set()
_children_lock = threading.RLock()  # reentrant: a signal may arrive while the main thread holds it
_interrupted: list[int] = []  # the number of the received signal


def run(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: IO[bytes] | int | None = None,
) -> None:
    """Run a program and append its output to ``log``; ``env`` is added to this process's environment.

    Raise StepFailed if it fails, AirgapError if there is no such program.
    """
    with log.open("ab") as out:
        out.write(f"$ {shlex.join(argv)}\n".encode())
        out.flush()
        start = out.tell()
        code = _wait_for(argv, out=out, env=env, cwd=cwd, stdin=stdin)
    check_interrupted()
    if code != 0:
        raise StepFailed(argv, code, log=log, output=_read_from(log, start))


def output_of(argv: Sequence[str], *, timeout: float = 20.0) -> str | None:
    """Return a program's stdout, or None if the program is missing, fails or takes too long."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=True,
            text=True,
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError):
        check_interrupted()
        return None
    return done.stdout


def _wait_for(
    argv: Sequence[str],
    *,
    out: IO[bytes],
    env: Mapping[str, str] | None,
    cwd: Path | None,
    stdin: IO[bytes] | int | None,
) -> int:
    with _children_lock:
        check_interrupted()
        try:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=None if env is None else {**os.environ, **env},
            )
        except FileNotFoundError as error:
            missing = error.filename if cwd is None or cwd.is_dir() else cwd
            raise AirgapError(f"{missing} does not exist (required for `{shlex.join(argv)}`)") from None
        _children.add(child)
    try:
        return child.wait()
    finally:
        with _children_lock:
            _children.discard(child)


def _read_from(log: Path, start: int) -> str:
    with log.open("rb") as text:
        text.seek(max(start, log.stat().st_size - _TAIL_BYTES))
        return text.read().decode(errors="replace")


def last_line(log: Path) -> str:
    """Return the last non-empty line of a log without control characters, or ""."""
    try:
        text = _read_from(log, 0)
    except OSError:
        return ""
    lines = [line for line in text.replace("\r", "\n").splitlines() if line.strip()]
    return "".join(c for c in lines[-1] if c.isprintable()).strip() if lines else ""


def interrupt(signum: int) -> None:
    """Terminate the programs that steps are running, and prevent new ones from starting."""
    with _children_lock:
        _interrupted.append(signum)
        for child in _children:
            child.terminate()


def check_interrupted() -> None:
    """Raise Interrupted after Ctrl-C or SIGTERM; loops that wait call this regularly."""
    if _interrupted:
        raise Interrupted(_interrupted[0])


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM terminate the programs of steps, and make `check_interrupted` raise.

    The signals do not raise by themselves, because that could happen inside of threads and locks. A second
    signal ends this process immediately.
    """

    def stop(signum: int, _frame: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        interrupt(signum)

    _interrupted.clear()
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    for each in before:
        signal.signal(each, stop)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = 0.05) -> bool:
    """Wait until the condition holds; return False if it did not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        check_interrupted()
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


@dataclass(frozen=True)
class Process:
    """A process: its id, and its start in clock ticks since boot ``boot`` (proc(5), field 22 of stat)."""

    pid: int
    started: int
    boot: str

    def running(self) -> bool:
        """Return whether exactly this process is running; a zombie is not."""
        return identify(self.pid) == self

    def command(self) -> str:
        """Return the command line, or "" if the process has ended."""
        return command_of(self.pid)

    def uptime(self) -> float:
        """Return the seconds since it started."""
        since_boot = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
        return since_boot - self.started / os.sysconf("SC_CLK_TCK")

    def signal(self, signum: int) -> None:
        """Send a signal to exactly this process; do nothing if it has ended."""
        with _handle(self) as handle:
            if handle is not None:
                signal.pidfd_send_signal(handle, signum)

    def wait(self, seconds: float) -> bool:
        """Return whether the process ended within ``seconds`` (a zombie has ended)."""
        with _handle(self) as handle:
            if handle is None:
                return True
            ready, _, _ = select.select([handle], [], [], seconds)
            return bool(ready)


@contextmanager
def _handle(process: Process) -> Iterator[int | None]:
    """Open a handle on exactly this process, whose id may be reused later; None if it has ended."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield handle if process.running() else None
    finally:
        os.close(handle)


def identify(pid: int) -> Process | None:
    """Return the process that has this id now, or None if there is no such process or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else Process(pid, int(fields[18]), boot_id())


def boot_id() -> str:
    """Return the kernel's id of this boot, because start times of another boot are meaningless."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def command_of(pid: int) -> str:
    """Return a process's command line as one line of at most 120 characters, or "" if it has ended."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return ""
    return " ".join(words.decode(errors="replace").split())[:120]
