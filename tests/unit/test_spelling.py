from __future__ import annotations

from datetime import date

import pytest

from ci.spelling import closest, written


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"),
        (None, "null"),
        ("a é", "'a é'"),
        ("it's\n", '"it\'s\\n"'),
        (["a", 1], "['a', 1]"),
        (date(2030, 1, 31), "2030-01-31"),
        ({"a": False, "b": {"c": 1.5}}, "{a = false, b = {c = 1.5}}"),
    ],
)
def test_a_value_is_spelled_as_in_the_file(value: object, expected: str) -> None:
    assert written(value) == expected


def test_the_closest_name_is_found_if_one_is_close() -> None:
    assert closest("gatway", ["agent", "gateway"]) == "gateway"
    assert closest("zzz", ["agent", "gateway"]) == ""
