from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.evidence import shards
from tests.raised import raises

SERVICES = ["gateway", "knowledge", "agent"]


def test_each_part_of_the_work_is_in_one_shard() -> None:
    parts = shards.divide(SERVICES, 2, {}, suite=True)
    assert len(parts) == 2
    assert sorted(name for part in parts for name in part.only) == sorted([*SERVICES, "+source", "+stack"])


def test_recorded_times_balance_the_shards() -> None:
    recorded = {"unit gateway": 100.0, "posture gateway": 1.0, "scan gateway": 1.0, "integration stack": 30.0}
    parts = shards.divide(SERVICES, 2, recorded, suite=True)
    assert [set(part.only) for part in parts] == [{"+stack", "knowledge", "agent", "+source"}, {"gateway"}]
    assert [part.seconds for part in parts] == [105.0, 102.0]


def test_without_a_suite_there_is_no_stack() -> None:
    (part,) = shards.divide(SERVICES, 1, {}, suite=False)
    assert shards.STACK not in part.only


def test_there_are_no_more_shards_than_work() -> None:
    assert len(shards.divide(["web"], 50, {}, suite=False)) == 2


def test_less_than_one_is_refused() -> None:
    with raises("shards.too-few", "0"):
        shards.divide(SERVICES, 0, {}, suite=True)


def test_the_matrix_is_json_with_names() -> None:
    found = json.loads(shards.matrix(shards.divide(SERVICES, 2, {}, suite=True)))
    assert [each["name"] for each in found] == ["1 of 2", "2 of 2"]
    assert set(found[0]) == {"name", "only", "seconds"}


@given(
    st.lists(st.floats(0.1, 1000), min_size=1, max_size=60),
    st.integers(1, 12),
)
def test_no_shard_takes_much_longer_than_the_best_division_could(times: list[float], count: int) -> None:
    services = [f"s{number}" for number in range(len(times))]
    zero = {f"{gate} {name}": 1e-9 for gate in ("posture", "scan") for name in [*services, "(source)"]}
    recorded = zero | {f"unit {name}": seconds for name, seconds in zip(services, times, strict=True)}
    parts = shards.divide(services, count, recorded, suite=False)
    assert parts[0].seconds <= sum(times) / len(parts) + max(times) + 0.1
    assert sum(len(part.only) for part in parts) == len(services) + 1


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ([], (SERVICES, True, True)),
        (["agent", "gateway"], (["gateway", "agent"], False, False)),
        (["+stack"], ([], False, True)),
        (["+source", "agent"], (["agent"], True, False)),
    ],
)
def test_a_part_is_what_it_names(only: list[str], expected: tuple[list[str], bool, bool]) -> None:
    assert shards.chosen(only, SERVICES) == expected


def test_an_unknown_part_is_refused() -> None:
    with raises("gate.unknown-part", "stack", "+stack"):
        shards.chosen(["stack"], SERVICES)
