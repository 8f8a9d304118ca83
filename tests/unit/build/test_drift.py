"""Whether pinned images are still what their tags are; a check of nothing is not green."""

from __future__ import annotations

import pytest

from ci.build import drift
from ci.references import ImagesMap
from tests.raised import raises

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
HERE = "registry.example:5000/team/base:1.0"
NO_MAP = ImagesMap({})


def judged(used: dict[str, list[str]], now: dict[str, str], images: ImagesMap = NO_MAP) -> str:
    return drift.judge(drift.pinned(used, images), now)


def test_an_image_that_its_tag_still_names_passes_wherever_its_registry_is() -> None:
    text = judged({"web": [f"{HERE}@{OLD}"], "api": [f"{HERE}@{OLD}", "scratchy:1"]}, {HERE: OLD})
    assert text.splitlines()[1].split() == [HERE, OLD[:19], "the", "same", "api", "web"]
    assert len(text.splitlines()) == 2, "what is not pinned is the posture gate's business"


def test_a_tag_that_has_moved_fails_with_both_digests() -> None:
    with raises("drift.moved", HERE, OLD[:19], NEW[:19], "1 of 2"):
        judged({"web": [f"{HERE}@{OLD}", f"redis:7@{OLD}"]}, {HERE: NEW, "redis:7": OLD})


def test_a_tag_that_cannot_be_read_fails() -> None:
    with raises("drift.unreadable", HERE, "cannot be read"):
        judged({"web": [f"{HERE}@{OLD}"]}, {HERE: ""})


@pytest.mark.parametrize("used", [{}, {"web": []}, {"web": ["redis:7"]}])
def test_nothing_pinned_is_not_green(used: dict[str, list[str]]) -> None:
    with raises("drift.nothing-compared"):
        judged(used, {})


def test_what_cannot_be_compared_is_listed_and_alone_is_not_green() -> None:
    images = ImagesMap({"redis:7": "mirror.example/redis:7", "postgres:16": None})
    used = {"web": [f"redis:7@{OLD}", f"postgres:16@{OLD}", f"debian@{OLD}"]}
    with raises("drift.nothing-compared", "replaced by the images map", "pinned without a tag"):
        judged(used, {}, images)
    text = judged({**used, "api": [f"{HERE}@{OLD}"]}, {HERE: OLD}, images)
    assert text.count("not compared") == 3
