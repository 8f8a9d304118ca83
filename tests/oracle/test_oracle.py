"""The stack compared with a real Docker: services of fixtures print the same, or the difference is listed."""

from __future__ import annotations

import json
from functools import cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import pytest

from tests.oracle import ours, stacks
from tests.oracle.differences import DIFFERENCES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.client import Dagger

    Seen = dict[str, dict[str, Any]]

FIXTURES = stacks.fixtures()
LEAST = 40


@pytest.fixture(scope="module")
def seen(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Seen]:
    """The observations in our stack by service; each stack runs once, for its first fixture."""

    @cache
    def one(stack: str) -> Seen:
        return ours.run(dagger, stack, tmp_path_factory.mktemp(stack))

    return one


def recorded(*chosen: str) -> Seen:
    """Return the recorded observations in Docker by service."""
    found: Seen = {}
    for stack in chosen or stacks.STACKS:
        found |= json.loads((stacks.RECORDED / f"{stack}.json").read_text())
    return found


def differing(docker: dict[str, Any], here: dict[str, Any]) -> dict[str, tuple[object, object]]:
    """Return the differences between two records, by line and field."""
    found = {key: (docker[key], here[key]) for key in ("exit", "starts") if docker[key] != here[key]}
    for theirs, mine in zip_longest(docker["lines"], here["lines"], fillvalue=""):
        if theirs != mine:
            found[(theirs or mine).partition(": ")[0]] = (theirs, mine)
    return found


def members(fixture: stacks.Fixture, names: set[str]) -> list[str]:
    """Return the containers of a fixture, with a number after a service's first."""
    return sorted(name for name in names if any(name == s or _replica(name, s) for s in fixture.services))


def _replica(name: str, service: str) -> bool:
    return name.startswith(f"{service}-") and name.removeprefix(f"{service}-").isdigit()


def test_there_are_enough_of_them() -> None:
    assert len(FIXTURES) >= LEAST


def test_every_service_is_recorded() -> None:
    services = {service for fixture in FIXTURES for service in fixture.services}
    assert services - set(recorded()) == set()


def test_a_difference_is_found() -> None:
    one = {"exit": 0, "starts": 1, "lines": ["ids: 1", "caps: 2"]}
    other = {"exit": 1, "starts": 1, "lines": ["ids: 1", "caps: 3", "more: 4"]}
    assert set(differing(one, other)) == {"exit", "caps", "more"}
    assert differing(one, one) == {}


def test_a_listed_difference_is_one_of_a_service_that_there_is() -> None:
    assert {service for service, _ in DIFFERENCES} - set(recorded()) == set()


@pytest.mark.engine
@pytest.mark.parametrize(
    "fixture",
    [
        pytest.param(each, id=each.name, marks=pytest.mark.xdist_group(f"oracle-{each.stack}"))
        for each in FIXTURES
    ],
)
def test_the_same_as_on_docker(fixture: stacks.Fixture, seen: Callable[[str], Seen]) -> None:
    docker, here = recorded(fixture.stack), seen(fixture.stack)
    names = members(fixture, set(docker) | set(here))
    found = {
        (name, what): both
        for name in names
        for what, both in differing(docker.get(name, ours.ABSENT), here.get(name, ours.ABSENT)).items()
    }
    listed = {key for key in DIFFERENCES if key[0] in names}
    assert {key: both for key, both in found.items() if key not in listed} == {}
    assert listed - set(found) == set(), "these are equal now: take them out of tests/oracle/differences.py"
