"""The selection and order of steps, and the effect of a failure."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest

from airgap import steps
from airgap.errors import AGAIN, AirgapError, StepsFailed
from airgap.progress import Progress
from airgap.steps import Step, pending, perform
from airgap.times import Times

if TYPE_CHECKING:
    from collections.abc import Callable

    from airgap.state import State

LIMIT = 10  # seconds


class Record:
    """The recorded actions of steps, in order."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def step(self, name: str, *needs: str, run: Callable[[], object] = lambda: None) -> Step:
        def recorded(_: State) -> None:
            self.events.append(f"{name} begins")
            run()
            self.events.append(f"{name} ends")

        return Step(name, "working", lambda: False, recorded, needs=needs)


@pytest.fixture
def record() -> Record:
    return Record()


def fail(text: str) -> Callable[[], None]:
    def failing() -> None:
        raise AirgapError(text)

    return failing


def names(found: list[Step]) -> list[str]:
    return [step.name for step in found]


def test_steps_that_are_done_are_left_out_and_tools_are_asked_last() -> None:
    asked: list[str] = []

    def step(name: str, *needs: str, done: bool, tool: bool = False) -> Step:
        def is_done() -> bool:
            asked.append(name)
            return done

        return Step(name, "", is_done, lambda _: None, needs=needs, tool=tool)

    everything = [
        step("tool", done=False, tool=True),
        step("spare", done=False, tool=True),
        step("there", "spare", done=True, tool=True),
        step("second", "tool", done=False, tool=True),
        step("build", "second", "there", done=False),
        step("other", "spare", done=True),
    ]
    assert names(pending(everything)) == ["tool", "second", "build"]
    assert asked == ["build", "other", "second", "there", "tool"]
    assert names(pending([step("tool", done=False, tool=True)])) == []


def test_needs_come_first_and_needs_that_are_done_count(state: State, record: Record) -> None:
    plan = [record.step("a"), record.step("c", "b", "done long ago"), record.step("b", "a")]
    perform(plan, state, Progress(), jobs=3)
    assert [event.split()[0] for event in record.events if event.endswith("begins")] == ["a", "b", "c"]


def test_independent_steps_run_side_by_side(state: State, record: Record) -> None:
    both = threading.Barrier(2, timeout=LIMIT)
    perform([record.step("a", run=both.wait), record.step("b", run=both.wait)], state, Progress(), jobs=2)
    assert len(record.events) == 4


def test_no_more_run_at_once_than_allowed(state: State, record: Record) -> None:
    perform([record.step("a"), record.step("b"), record.step("c")], state, Progress(), jobs=1)
    assert record.events == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]


def test_a_failure_lets_the_others_finish_and_begins_nothing_more(
    state: State, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = threading.Event()

    def failing() -> None:
        failed.set()
        raise AirgapError("broken", hint="fix it")

    def slow() -> None:
        assert failed.wait(LIMIT)

    plan = [record.step("bad", run=failing), record.step("slow", run=slow), record.step("next", "slow")]
    with pytest.raises(AirgapError, match="broken") as caught:
        perform(plan, state, Progress(), jobs=2)
    assert caught.value.hint == "fix it"
    assert "slow ends" in record.events
    assert "next begins" not in record.events
    told = capsys.readouterr().err
    assert "bad: failed" in told
    assert "not done: bad, next; finished steps are not repeated" in told


def test_two_failures_are_both_told(state: State, record: Record) -> None:
    both = threading.Barrier(2, timeout=LIMIT)

    def failing(text: str) -> Callable[[], None]:
        def run() -> None:
            both.wait()
            fail(text)()

        return run

    with pytest.raises(StepsFailed) as caught:
        perform(
            [record.step("a", run=failing("one")), record.step("b", run=failing("two"))],
            state,
            Progress(),
            jobs=2,
        )
    told = [line for line in str(caught.value).splitlines() if not line.startswith("  next: ")]
    assert sorted(told) == ["a: one", "b: two"]


def test_a_mistake_in_the_program_is_not_dressed_up(state: State, record: Record) -> None:
    def wrong() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        perform([record.step("a", run=wrong)], state, Progress(), jobs=1)


@pytest.mark.parametrize("error", [AirgapError("no such program"), OSError(28, "No space left on device")])
def test_an_error_without_advice_gets_some(state: State, record: Record, error: Exception) -> None:
    def failing() -> None:
        raise error

    with pytest.raises(AirgapError) as caught:
        perform([record.step("a", run=failing)], state, Progress(), jobs=1)
    assert caught.value.what == str(error)
    assert AGAIN in caught.value.hint


def test_the_longest_chain_begins_first(state: State, record: Record) -> None:
    Times(state).record("compile", 50)
    Times(state, {"compile": 50}).record("push", 20)
    plan = [record.step("small"), record.step("base"), record.step("compile"), record.step("push", "base")]
    perform(plan, state, Progress(), jobs=1)
    begun = [event.split()[0] for event in record.events if event.endswith("begins")]
    assert begun == ["compile", "base", "push", "small"]


def test_times_of_steps_that_ended_well_are_recorded(state: State, record: Record) -> None:
    plan = [record.step("a"), record.step("bad", "a", run=fail("broken"))]
    with pytest.raises(AirgapError):
        perform(plan, state, Progress(), jobs=1)
    assert Times.read(state).recorded.keys() == {"a"}


def test_progress_has_seconds_and_signs_of_life(
    state: State, record: Record, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "HEARTBEAT", 0.5)
    over = threading.Event()

    def long() -> None:
        state.log("a").write_text("$ first\nnow this\n")
        over.wait(2.5)

    perform([record.step("a", run=long)], state, Progress(), jobs=1)
    lines = [line.partition("] ")[2] for line in capsys.readouterr().err.splitlines()]
    assert lines[0].startswith("steps to do: 1, about ")
    assert lines[1] == "a: working"
    assert re.fullmatch(r"a: \d s of about 5, now: now this", lines[2])
    assert re.fullmatch(r"steps left: 1, about \d+ s", lines[3])
    assert lines[-1].startswith("a: done in 2.")


def test_the_log_of_the_run_before_is_kept(state: State, record: Record) -> None:
    state.log("a").write_text("of last time")
    perform([record.step("a")], state, Progress(), jobs=1)
    assert state.log("a").read_text() == ""
    assert (state.logs / "a.log.1").read_text() == "of last time"
