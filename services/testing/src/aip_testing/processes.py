"""Run a server program during tests."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

START_SECONDS = 60.0


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find(program: str, package: str, variable: str, folders: Sequence[Path] = ()) -> str:
    """Return the program's path. If it is missing, fail the test instead of skipping it."""
    path = shutil.which(program, path=os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")]))
    if path is None:
        pytest.fail(
            f"{program} is not installed: install the package {package}, or set {variable} to a server "
            "that these tests may fill and empty",
            pytrace=False,
        )
    return path


@contextmanager
def scratch(user: str | None = None) -> Iterator[Path]:
    """Yield a folder that belongs to the user and is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="aip-testing-"))
    try:
        if user:
            shutil.chown(folder, user)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def started(
    argv: Sequence[str],
    answers: Callable[[], bool],
    *,
    log: Path,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server during the block, which starts when the server responds."""
    with (
        log.open("wb") as output,
        subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, user=user, env=env) as process,
    ):
        try:
            wait_until(answers, lambda: process.poll() is None, f"{argv[0]} to answer", log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until(
    answers: Callable[[], bool],
    alive: Callable[[], bool],
    what: str,
    log: Path,
    seconds: float = START_SECONDS,
) -> None:
    """Poll until the server responds; fail with the end of its log if it exits or times out."""
    deadline = time.monotonic() + seconds
    while alive() and time.monotonic() < deadline:
        if answers():
            return
        time.sleep(0.02)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    pytest.fail(f"timed out after {seconds:g} s waiting for {what}; end of its log:\n{tail}", pytrace=False)


def connects(port: int) -> bool:
    """Return whether something listens on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
