"""Each threat that is defended names the tests of its defense, or says that it has none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "threat-model.md"
HEADER = "| threat | defense | tests |"


def rows(page: str) -> list[list[str]]:
    lines = page[page.index(HEADER) :].splitlines()[2:]
    table = lines[: lines.index("")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table]


def unproven(page: str) -> list[str]:
    """Return the threats whose tests do not exist; `none` says that there are none."""
    return [
        threat
        for threat, _, tests in rows(page)
        if tests != "none"
        and not (
            (named := re.findall(r"`([^`]+)`", tests))
            and all((ROOT / "tests" / name).is_file() for name in named)
        )
    ]


def test_the_tests_of_each_defense_exist() -> None:
    page = PAGE.read_text()
    assert len(rows(page)) > 10
    assert unproven(page) == [], "their tests do not exist: name those that do, or write none"


@pytest.mark.parametrize("cell", ["", "`engine/test_none.py`", "engine/test_scan.py"])
def test_a_defense_without_an_existing_test_is_found(cell: str) -> None:
    page = f"{HEADER}\n|---|---|---|\n| a theft | a lock | {cell} |\n| a fire | water | none |\n\n"
    assert unproven(page) == ["a theft"]
