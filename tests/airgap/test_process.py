"""Running programs, and identifying processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from airgap import process
from airgap.errors import AirgapError, Interrupted, StepFailed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "step.log"


def test_all_output_is_appended_to_the_log(log: Path) -> None:
    process.run(("sh", "-c", "echo out; echo err >&2"), log=log)
    process.run(("echo", "a word"), log=log)
    assert log.read_text() == "$ sh -c 'echo out; echo err >&2'\nout\nerr\n$ echo 'a word'\na word\n"


def test_env_is_added_and_cwd_is_used(log: Path, tmp_path: Path) -> None:
    process.run(
        ("sh", "-c", 'echo "$ADDED in $PWD, ${PATH:+with a path}"'), log=log, env={"ADDED": "x"}, cwd=tmp_path
    )
    assert log.read_text().endswith(f"x in {tmp_path}, with a path\n")


def test_standard_input_is_empty_unless_given(log: Path) -> None:
    process.run(("cat",), log=log)
    with log.open("rb") as text:
        process.run(("wc", "-l"), log=log, stdin=text)
    assert log.read_text() == "$ cat\n$ wc -l\n2\n"


def test_a_failure_tells_only_of_its_own_output(log: Path) -> None:
    process.run(("echo", "earlier"), log=log)
    with pytest.raises(StepFailed) as caught:
        process.run(("sh", "-c", "echo why; exit 7"), log=log)
    assert caught.value.code == 7
    assert "    why\n" in str(caught.value)
    assert "earlier" not in str(caught.value)


def test_a_program_that_is_missing_is_named(log: Path, tmp_path: Path) -> None:
    with pytest.raises(AirgapError, match=r"^no-such-program does not exist"):
        process.run(("no-such-program", "x"), log=log)
    with pytest.raises(AirgapError, match=r"/nowhere does not exist"):
        process.run(("true",), log=log, cwd=tmp_path / "nowhere")


def test_output_of_a_program_that_fails_is_none() -> None:
    assert process.output_of(("echo", "x")) == "x\n"
    assert process.output_of(("false",)) is None
    assert process.output_of(("no-such-program",)) is None
    assert process.output_of(("sleep", "30"), timeout=0.05) is None


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("a\nb\n\n  \n", "b"),
        ("10%\r20%\r30%", "30%"),
        ("\x1b[1mbold\x1b[0m\n", "[1mbold[0m"),
        ("", ""),
    ],
)
def test_the_last_line_of_a_log(log: Path, text: str, last: str) -> None:
    assert process.last_line(log) == ""
    log.write_text(text)
    assert process.last_line(log) == last


def test_a_process_is_known_by_id_and_start_time() -> None:
    myself = process.identify(os.getpid())
    assert myself is not None
    assert myself.running()
    assert sys.executable.rpartition("/")[2][:6] in myself.command()
    assert 0 <= myself.uptime() < 24 * 3600
    assert not process.Process(myself.pid, myself.started + 1, myself.boot).running()
    assert not process.Process(myself.pid, myself.started, "another boot").running()
    assert process.identify(2**22 + 1) is None
    assert process.command_of(2**22 + 1) == ""


def test_a_zombie_is_not_running() -> None:
    with subprocess.Popen(("sleep", "60")) as child:
        there = process.identify(child.pid)
        assert there is not None
        there.signal(signal.SIGKILL)
        assert there.wait(10)
        assert os.path.exists(f"/proc/{child.pid}")  # noqa: PTH110 - it is a zombie: nobody has asked for its end
        assert process.identify(child.pid) is None
        assert not there.running()
        assert there.wait(0)
    there.signal(signal.SIGKILL)  # nothing happens: it is gone


def test_a_signal_never_reaches_another_process_of_the_same_id() -> None:
    with subprocess.Popen(("sleep", "60")) as child:
        there = process.identify(child.pid)
        assert there is not None
        earlier = process.Process(there.pid, there.started - 1, there.boot)
        earlier.signal(signal.SIGKILL)
        assert earlier.wait(0)
        assert not there.wait(0.1)
        child.kill()


def test_an_interruption_ends_what_runs_and_lets_nothing_start(log: Path) -> None:
    errors: list[BaseException] = []

    def step() -> None:
        try:
            process.run(("sh", "-c", "echo begun; exec sleep 60"), log=log)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test wants to see it
            errors.append(error)

    with process.interruptible():
        thread = threading.Thread(target=step)
        thread.start()
        assert process.wait_until(lambda: "begun" in log.read_text() if log.exists() else False, seconds=10)
        os.kill(os.getpid(), signal.SIGTERM)
        thread.join(10)
        with pytest.raises(Interrupted) as caught:
            process.run(("true",), log=log)
        with pytest.raises(Interrupted):
            process.wait_until(lambda: False, seconds=10)
    assert [type(error) for error in errors] == [Interrupted]
    assert caught.value.exit_code == 143
    with process.interruptible():
        process.run(("true",), log=log)


def test_waiting_ends_at_its_deadline() -> None:
    assert process.wait_until(lambda: True, seconds=0)
    assert not process.wait_until(lambda: False, seconds=0.1, every=0.01)
