"""What counts as a command in a text; that the module has it is checked on the engine."""

from __future__ import annotations

import pytest

from tests.commands import commands


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dagger call gate", [["gate"]]),
        ("$ dagger call build --only gateway # one", [["build", "--only", "gateway"]]),
        ("run: dagger --progress=plain call gate\n", [["gate"]]),
        ("| `dagger call stack ports up` | `dagger call gate` |", [["stack", "ports", "up"], ["gate"]]),
        (
            "dagger call publish \\\n    --ref x \\\n  --jobs 2\nls",
            [["publish", "--ref", "x", "--jobs", "2"]],
        ),
        (
            'x && dagger call tags --ref "$(git symbolic-ref -q HEAD)" && y',
            [["tags", "--ref", "SUBSTITUTED"]],
        ),
        ("dagger call tags --ref $(a $(b c) d) > out", [["tags", "--ref", "SUBSTITUTED"]]),
        ('dagger call a --sha "${SHA}" | tee x', [["a", "--sha", "${SHA}"]]),
        ("notes=$(dagger call a --b 'c d')", [["a", "--b", "c d"]]),
        ("`dagger call publish …` and `dagger call` alone", [["publish", "…"]]),
        ("nothing to see, dagger caller", []),
    ],
)
def test_commands_are_found_as_a_shell_splits_them(text: str, expected: list[list[str]]) -> None:
    assert commands(text) == expected


def test_a_quote_that_is_not_closed_names_the_command() -> None:
    with pytest.raises(ValueError, match="tags --ref 'x: No closing quotation"):
        commands("dagger call tags --ref 'x")
