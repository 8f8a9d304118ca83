"""The `dagger` launcher is quick, transparent, and clear when there is no engine."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airgap import enginebuild, exports
from airgap.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airgap.state import State

ADDED = 0.030  # seconds


@pytest.fixture
def settings(state: State) -> Iterator[Settings]:
    """Settings with a short path, because socket paths have a limit."""
    with tempfile.TemporaryDirectory() as folder:
        yield Settings(state.root, socket=Path(folder) / "engine.sock")


@pytest.fixture
def dagger(state: State, settings: Settings) -> Path:
    """The launcher, in front of a stand-in for Dagger's CLI that prints its arguments."""
    cli = enginebuild.programs(state) / "dagger"
    cli.parent.mkdir(parents=True)
    cli.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 3\n')
    cli.chmod(0o755)
    exports.write_launcher(state, settings)
    return exports.launcher(state)


def call(dagger: Path, *words: str, host: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "_EXPERIMENTAL_DAGGER_RUNNER_HOST": host}
    return subprocess.run((dagger, *words), env=env, capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def listening(path: Path) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        yield


def test_without_an_engine_it_says_what_to_do_at_once(dagger: Path, settings: Settings) -> None:
    done = call(dagger, "call", "build", host=settings.runner_host)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"no Dagger engine at unix://{settings.socket}: run python3 -m airgap up\n"


def test_a_socket_that_nobody_listens_at_is_no_engine(dagger: Path, settings: Settings) -> None:
    with listening(settings.socket):
        pass
    assert settings.socket.exists()
    assert call(dagger, "call", host=settings.runner_host).returncode == 1


def test_with_an_engine_it_becomes_the_cli(dagger: Path, settings: Settings) -> None:
    with listening(settings.socket):
        done = call(dagger, "call", "--only", "a b", "", host=settings.runner_host)
    assert (done.returncode, done.stdout, done.stderr) == (3, "call\n--only\na b\n\n", "")


@pytest.mark.parametrize("word", ["version", "help", "--help", "completion"])
def test_what_needs_no_engine_works_without_one(dagger: Path, settings: Settings, word: str) -> None:
    assert call(dagger, word, host=settings.runner_host).returncode == 3


@pytest.mark.parametrize("host", ["", "tcp://engine.test:1234", "unix:///elsewhere.sock"])
def test_another_engine_is_not_its_business(dagger: Path, host: str) -> None:
    assert call(dagger, "call", host=host).returncode == 3


def test_it_adds_less_than_30_ms(dagger: Path, state: State, settings: Settings) -> None:
    direct = enginebuild.programs(state) / "dagger"

    def fastest(program: Path) -> float:
        times = []
        for _ in range(20):
            began = time.monotonic()
            call(program, "call", host=settings.runner_host)
            times.append(time.monotonic() - began)
        return min(times)

    with listening(settings.socket):
        assert fastest(dagger) - fastest(direct) < ADDED


def test_it_stands_by_itself(dagger: Path, state: State) -> None:
    assert {path.name for path in dagger.parent.iterdir()} == {"dagger", ".launcher.py"}
    assert str(Path(__file__).parents[2]) not in dagger.read_text()
    before = dagger.stat().st_ino
    exports.write_launcher(state, Settings(state.root))  # another socket: written again
    assert dagger.stat().st_ino != before


def test_exports_survive_a_shell() -> None:
    text = exports.shell({"A": "with 'quotes' and $dollars", "B": "x"}, path=Path("/first"))
    script = f'{text}printf "%s|%s|%s" "$A" "$B" "${{PATH%%:*}}"'
    done = subprocess.run(("sh", "-c", script), capture_output=True, text=True, check=True)
    assert done.stdout == "with 'quotes' and $dollars|x|/first"
