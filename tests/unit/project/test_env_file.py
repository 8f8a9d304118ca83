"""The values of --env-file: Compose's grammar, and errors that show no value."""

from __future__ import annotations

import pytest

from ci.project import env_file
from tests.raised import raises
from tests.unit.project.reading import binary


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\n", {"A": "1"}),
        ("# comment\n\nexport A=1 # more\n", {"A": "1"}),
        ("A='a b'\nB=\"a\\nb\"\n", {"A": "a b", "B": "a\nb"}),
        ("A='first\nsecond'\nB=2\n", {"A": "first\nsecond", "B": "2"}),
        ("A=1\nB=${A}2\nC='${A}'\nD=$$x\n", {"A": "1", "B": "12", "C": "${A}", "D": "$x"}),
        ("A=${NOT:-default}\nB=it's\n", {"A": "default", "B": "it's"}),
        ("A=a$$b$$$$c\n", {"A": "a$b$$c"}),
        ("A=\nB: 2\nbare\n", {"A": "", "B": "2"}),
        ("A.b-c=1\n=x\n", {"A.b-c": "1"}),
        ("", {}),
    ],
)
def test_it_is_read_as_compose_reads_it(text: str, values: dict[str, str]) -> None:
    assert env_file.read(binary(), text) == values


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("A=1\nhunter$2=3\n", "line 2"),
        ("A='hunter2\n", "line"),
        ('A="hunter2\n', "line"),
        ("hunter2 b=3\n", "line 1"),
        ("A=${hunter2\n", "template"),
        ("A=${B:?hunter2}\n", "variable B"),
    ],
)
def test_what_compose_refuses_is_an_error_without_values(text: str, place: str) -> None:
    with raises("env-file.unreadable", match=place) as caught:
        env_file.read(binary(), text)
    assert "hunter" not in str(caught.value)
    assert caught.value.__cause__ is None
