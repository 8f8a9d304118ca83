"""The handler that a build for another platform has while it runs, with an architecture that does not exist.

Needs root and a kernel with binfmt_misc, as the engine does.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.container_scripts import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.engine, pytest.mark.long]

HANDLERS = Path("/proc/sys/fs/binfmt_misc")
SCRIPT = str(FOLDER / "emulate.sh")
BEGINNING = b"\x7fINVENTED-by-a-test!"
MAGIC = "".join(f"\\x{byte:02x}" for byte in BEGINNING)
MASK = "\\xff" * len(BEGINNING)
# What runs the program: it prints how it was called.
EMULATOR = "/bin/echo"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that this machine cannot run."""
    file = tmp_path / "program"
    file.write_bytes(BEGINNING + bytes(100))
    file.chmod(0o755)
    return file


@pytest.fixture(autouse=True)
def mounted() -> None:
    if not (HANDLERS / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(HANDLERS)], check=True)


@pytest.fixture
def own() -> Iterator[None]:
    """A handler of the machine itself for these programs."""
    (HANDLERS / "register").write_text(f":test-own:M:0:{MAGIC}:{MASK}:{EMULATOR}:F")
    yield
    (HANDLERS / "test-own").write_text("-1")


def command(*words: str) -> list[str]:
    return [SCRIPT, EMULATOR, "invented", MAGIC, MASK, *words]


def run(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "SANDBOX_STATE": str(state)}
    return subprocess.run(command(*words), env=env, capture_output=True, text=True, check=False)


def ours() -> list[str]:
    return sorted(file.name for file in HANDLERS.glob("containerise-invented-*"))


def test_a_program_runs_with_the_emulator_until_the_command_has_ended(tmp_path: Path, program: Path) -> None:
    done = run(tmp_path, "sh", "-c", f"{program} hello; exit 7")
    assert (done.returncode, done.stdout.split()[-1]) == (7, "hello"), done.stderr
    assert ours() == []


def test_two_at_once_have_a_handler_each_and_the_end_of_one_is_not_that_of_the_other(
    tmp_path: Path, program: Path
) -> None:
    done = run(tmp_path, *command("ls", str(HANDLERS)))
    assert [line for line in done.stdout.splitlines() if "invented" in line] == [
        "containerise-invented-1",
        "containerise-invented-2",
    ]
    done = run(tmp_path, "sh", "-c", '"$@" && "$0" hello', str(program), *command("true"))
    assert done.stdout.split()[-1] == "hello", done.stderr
    assert ours() == []


def test_what_a_killed_call_left_is_removed_by_the_next(tmp_path: Path) -> None:
    env = {**os.environ, "SANDBOX_STATE": str(tmp_path)}
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    words = command("sh", "-c", f"echo > {ready}; exec sleep 60")
    killed = subprocess.Popen(words, env=env, start_new_session=True)
    ready.read_text()
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert ours() == ["containerise-invented-1"]
    done = run(tmp_path, "cat", str(HANDLERS / "containerise-invented-1"))
    assert "enabled" in done.stdout
    assert ours() == []


@pytest.mark.usefixtures("own")
def test_a_machine_that_runs_them_by_itself_is_left_as_it_is(tmp_path: Path, program: Path) -> None:
    done = run(tmp_path, "sh", "-c", f"ls {HANDLERS}; {program} hello")
    assert "containerise" not in done.stdout
    assert done.stdout.split()[-1] == "hello", done.stderr


def test_a_call_that_is_asked_to_end_ends_its_command_and_removes_its_handler(tmp_path: Path) -> None:
    env = {**os.environ, "SANDBOX_STATE": str(tmp_path)}
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    words = command("sh", "-c", f"echo > {ready}; exec sleep 60")
    call = subprocess.Popen(words, env=env)
    ready.read_text()
    call.terminate()
    assert call.wait(timeout=10) == 143
    assert ours() == []
