"""The estimate of what is left, and the times that it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airgap import plan, times
from airgap.settings import Settings
from airgap.state import write_json
from airgap.steps import Step
from airgap.times import Times, chains, left, span

if TYPE_CHECKING:
    from airgap.state import State


def step(name: str, *needs: str) -> Step:
    return Step(name, "", lambda: False, lambda _: None, needs=needs)


def test_a_chain_is_a_step_and_the_longest_of_those_that_wait_for_it() -> None:
    steps = [step("base"), step("long", "base"), step("short", "base"), step("last", "long", "done before")]
    seconds = {"base": 1.0, "long": 10.0, "short": 2.0, "last": 3.0}
    assert chains(steps, seconds) == {"base": 14, "long": 13, "short": 2, "last": 3}


@pytest.mark.parametrize(
    ("elapsed", "jobs", "expected"),
    [
        ({}, 4, 110),  # the chain of a and b decides
        ({"a": 90}, 4, 20),
        ({"a": 500}, 4, 15),  # longer than before: what comes after it is left
        ({}, 1, 125),  # the sum decides
        ({"a": 100, "c": 15}, 1, 10),
    ],
)
def test_what_is_left_is_a_chain_or_the_sum(
    state: State, elapsed: dict[str, float], jobs: int, expected: float
) -> None:
    known = Times(state, {"a": 100, "b": 10, "c": 15})
    assert left([step("a"), step("b", "a"), step("c")], elapsed, known, jobs=jobs) == expected


def test_nothing_is_left_of_nothing(state: State) -> None:
    assert left([], {}, Times(state), jobs=2) == 0


def test_times_are_read_again_and_the_last_one_counts(state: State) -> None:
    known = Times.read(state)
    known.record("a", 12.34)
    known.record("a", 2.22)
    known.record("b", 3)
    assert Times.read(state).recorded == {"a": 2.2, "b": 3}


def test_values_that_are_no_times_are_ignored(state: State) -> None:
    write_json(state / "times.json", {"a": 1, "b": "2", "c": None, "d": True})
    assert Times.read(state).recorded == {"a": 1}


def test_the_source_of_the_times_is_named(state: State) -> None:
    known = Times(state, {"a": 1})
    assert known.source(["a"]) == "earlier runs here"
    assert known.source(["b"]) == f"a machine with {times.MACHINE}"
    assert known.source(["a", "b"]) == f"earlier runs here and on a machine with {times.MACHINE}"


def test_measured_times_are_those_of_steps(state: State) -> None:
    names = {each.name for each in plan.steps(state, Settings(state.root), -1, lambda _: None)}
    assert set(times.MEASURED) <= names


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "about 10 s"), (44, "about 40 s"), (89, "about 90 s"), (90, "about 2 min"), (528, "about 9 min")],
)
def test_an_estimate_is_as_coarse_as_it_is_uncertain(seconds: float, expected: str) -> None:
    assert span(seconds) == expected
