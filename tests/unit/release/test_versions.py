from __future__ import annotations

import pytest

from ci.release import versions
from tests.raised import raises


@pytest.mark.parametrize(
    ("tags", "newest"),
    [
        (["1.9.0", "1.10.0", "1.11.0-rc.1", "latest"], "1.10.0"),
        (["v3.11.0", "2.10.2"], "v3.11.0"),
        (["edge"], ""),
        ([], ""),
    ],
)
def test_versions_are_compared_as_numbers_however_they_are_written(tags: list[str], newest: str) -> None:
    assert versions.newest(tags) == newest


def test_the_same_version_is_found_in_another_spelling() -> None:
    tags = ["1.2.3", "v1.2.3", "v1.2.3-rc.1", "1.2.30", "latest", "v1.2"]
    assert versions.same("1.2.3", tags) == ("v1.2.3",)
    assert versions.same("1.2.3-rc.1", tags) == ("v1.2.3-rc.1",)
    assert versions.same("main", tags) == ()


def test_what_is_not_a_version_is_refused() -> None:
    with raises("version.not-semantic", "'1.2'"):
        versions.numbers("1.2")
