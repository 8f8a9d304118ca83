"""Daemons: started in their own session, and found and stopped again through a record file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airgap.errors import AirgapError, tail
from airgap.process import Process, check_interrupted, wait_until
from airgap.state import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SCRIPT = Path(__file__).with_name("daemon.sh")
_HEARTBEAT = 5.0
_PATIENCE = 0.5


@dataclass(frozen=True)
class Program:
    """A daemon's command line and environment, and a fingerprint of everything that decides how it runs."""

    argv: Sequence[str]
    env: Mapping[str, str]
    fingerprint: str


@dataclass(frozen=True)
class Daemon:
    """A daemon of a state folder: its name, the record of its process, and its log."""

    name: str
    record: Path
    log: Path

    def process(self) -> Process | None:
        """Return the daemon's process, or None if it does not run.

        A record of an ended process is ignored.
        """
        record = read_json(self.record)
        try:
            process = Process(int(record["pid"]), int(record["started"]), str(record["boot"]))
        except (KeyError, TypeError, ValueError):
            return None
        return process if process.running() else None

    def fingerprint(self) -> str:
        """Return the fingerprint that the process was started with, or "" if there is none."""
        return str(read_json(self.record).get("fingerprint", ""))

    def start(
        self,
        program: Program,
        *,
        lock: int,
        ready: Callable[[], bool],
        seconds: float,
    ) -> None:
        """Start the daemon and wait until it is ready.

        Otherwise raise AirgapError with the end of its log.
        """
        self.record.unlink(missing_ok=True)
        with self.log.open("ab") as out:
            child = subprocess.Popen(
                ("sh", str(_SCRIPT), str(self.record), program.fingerprint, *program.argv),
                stdin=lock,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(program.env),
                cwd="/",
                start_new_session=True,
            )
        wait_until(lambda: ready() or child.poll() is not None, seconds=seconds)
        if child.poll() is not None:
            raise AirgapError(
                f"{self.name} exited immediately{self._end_of_log()}", hint="see its log, then run `up` again"
            )
        if not ready():
            raise AirgapError(
                f"{self.name} (pid {child.pid}) did not answer within {seconds:.0f} s{self._end_of_log()}",
                hint="see its log, run `python3 -m airgap down`, then `up` again",
            )

    def _end_of_log(self) -> str:
        shown = "\n".join(
            f"    {line}" for line in tail(self.log.read_text(encoding="utf-8", errors="replace"))
        )
        return f":\n{shown}\n  log: {self.log}"

    def stop(self, *, seconds: float, waiting: Callable[[float], None], force: bool = False) -> bool:
        """Stop the daemon with SIGTERM and return whether it was running.

        ``waiting`` is called every few seconds with the seconds waited so far. If the daemon has not ended
        after ``seconds``, raise AirgapError, or with ``force`` send SIGKILL.
        """
        process = self.process()
        if process is not None:
            began = time.monotonic()
            process.signal(signal.SIGTERM)
            said = began
            while not process.wait(_PATIENCE):
                check_interrupted()
                now = time.monotonic()
                if now - began >= seconds:
                    self._insist(process, now - began, force=force)
                elif now - said >= _HEARTBEAT:
                    said = now
                    waiting(now - began)
        self.record.unlink(missing_ok=True)
        return process is not None

    def _insist(self, process: Process, so_far: float, *, force: bool) -> None:
        if not force:
            raise AirgapError(
                f"{self.name} (pid {process.pid}) did not stop within {so_far:.0f} s",
                hint="stop its clients and run `down` again, or run `down --force`",
            )
        process.signal(signal.SIGKILL)


def inherited(*names: str) -> dict[str, str]:
    """Return the variables that a daemon inherits: proxies, certificates, and the given names."""
    proxies = [name for each in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY") for name in (each, each.lower())]
    wanted = (*proxies, "SSL_CERT_FILE", "SSL_CERT_DIR", *names)
    return {name: os.environ[name] for name in wanted if name in os.environ}
