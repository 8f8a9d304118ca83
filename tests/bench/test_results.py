"""The recorded results are readable data of one form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import PARTS

FILES = sorted((Path(__file__).parents[2] / "bench" / "results").iterdir())
OTHER = {"machine", "load", "date", "notes", "other"}


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def check_numbers(row: dict[str, Any]) -> None:
    """Check that a row has a median or a range, and that the median is inside the range."""
    numbers = [row[key] for key in ("least", "median", "most") if key in row]
    assert numbers
    assert numbers == sorted(numbers)
    assert numbers[0] >= 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_results_have_one_form(path: Path) -> None:
    found = load(path)
    assert found["machine"]["cpus"] > 0
    assert found["machine"]["memory"] > 10**9
    assert set(found) - OTHER <= set(PARTS)
    assert set(found) & {*PARTS, "other"}
    for sides in found.get("cases", {}).values():
        assert set(sides) <= {"ours", "peer"}
        for row in sides.values():
            check_numbers(row)
    for part in ("overhead", "stack", "upload", "other"):
        for row in found.get(part, {}).get("rows", {}).values():
            check_numbers(row)


@pytest.mark.parametrize("row", [{"seconds": 1}, {"median": 3, "least": 1, "most": 2}])
def test_a_wrong_row_fails(row: dict[str, float]) -> None:
    with pytest.raises(AssertionError):
        check_numbers(row)


def test_there_are_results() -> None:
    assert len(FILES) >= 7
