"""Which references of a build are asked for again."""

from __future__ import annotations

import pytest

from ci.build.moved import moved
from ci.build.provenance import Material
from ci.references import ImagesMap
from ci.sandbox.substitutes import rules

DIGEST = f"sha256:{'0' * 64}"


def material(reference: str, *, pinned: bool = False) -> Material:
    return Material(reference, DIGEST, pinned)


def images(**entries: str | None) -> ImagesMap:
    return ImagesMap({f"{name}:1": value for name, value in entries.items()})


def test_what_is_named_by_a_tag_may_have_moved_and_what_is_pinned_has_not() -> None:
    python, redis = material("python:3.13"), material("redis:7", pinned=True)
    assert moved([python, redis], ImagesMap({})) == [python]


@pytest.mark.parametrize(
    ("substitute", "recorded"),
    [
        ("127.0.0.1:5000/redis:7", "127.0.0.1:5000/redis:7"),
        ("127.0.0.1:5000/redis", "127.0.0.1:5000/redis:latest"),
        ("docker.io/library/redis:7", "redis:7"),
        ("redis:7", "redis:7"),
        ("bitnami/redis:7", "bitnami/redis:7"),
    ],
)
def test_the_digest_of_a_substitute_is_known_before_the_build(substitute: str, recorded: str) -> None:
    assert moved([material(recorded)], images(redis=substitute)) == []


def test_what_is_no_substitute_is_asked_for_beside_a_map_too() -> None:
    python = material("python:3.13")
    assert moved([python], images(redis="127.0.0.1:5000/redis:7", postgres=None)) == [python]


def test_an_image_that_the_map_leaves_as_it_is_has_no_digest_before_the_build() -> None:
    same = "127.0.0.1:5000/redis:7"
    assert rules(ImagesMap({same: same}), {same: DIGEST}) == ""
    assert moved([material(same)], ImagesMap({same: same})) == [material(same)]
