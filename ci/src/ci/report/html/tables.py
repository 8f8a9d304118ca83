"""Rows for tables that the page's script draws: tens of thousands of them in little space."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ci.report.model import Run

__all__ = ["coverage", "findings", "packed", "tests"]

# Bytes of the rows of each table. What does not fit is in the documents beside the page.
_FINDINGS, _TESTS, _COVERAGE = 4_000_000, 1_500_000, 1_000_000


def packed(columns: Sequence[str], rows: Iterable[Sequence[Any]], source: str, most: int) -> Markup:
    """Write a table as JSON for a script element; a text that occurs often is written once.

    `source` has all rows, for a table with more than `most` bytes of them.
    """
    numbers: dict[str, int] = {}
    kept: list[list[Any]] = []
    size, left_out = 0, 0
    for row in rows:
        if size > most:
            left_out += 1
            continue
        for value in row:
            if isinstance(value, str) and value not in numbers:
                numbers[value] = len(numbers)
                size += len(value.encode()) + 3
        kept.append([numbers[value] if isinstance(value, str) else [value] for value in row])
        size += 5 * len(row)
    data = {"columns": columns, "texts": list(numbers), "rows": kept, "leftOut": left_out, "source": source}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    # None of these can end the element or begin another one.
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - nothing in it is markup any more


def findings(run: Run) -> Markup:
    """Return all findings; the columns are those of the template."""
    subjects = run.scan.subjects if run.scan else {}
    # Only a scan that was given an earlier one knows what is new.
    since = any(each.new is not None for subject in subjects.values() for each in subject.findings)
    columns = ["status", "severity", "id", "package", "version", "fixed in", "in", "where", "what"]
    columns += ["kind", "change", "url", "brought by", *(["new"] if since else [])]
    rows = []
    for name, subject in subjects.items():
        for each in subject.findings:
            place = f"{each.place}:{each.line}" if each.line else each.place
            row = [each.status, each.severity, each.id, each.package, each.version]
            row += [each.upgrade_to or each.fixed, name, place, each.title]
            row += [each.kind, each.removed_by, each.url, each.brought_by]
            rows.append([*row, *(["new" if each.new else "known"] if since else [])])
    return packed(columns, rows, "scan/scan.json", _FINDINGS)


def tests(run: Run) -> Markup:
    """Return all tests."""
    rows = [[each.status, each.name, each.where, each.suite, each.seconds] for each in run.cases]
    return packed(["status", "test", "in", "suite", "seconds"], rows, "the junit.xml of each suite", _TESTS)


def coverage(run: Run) -> Markup:
    """Return all source files with their covered lines."""
    rows = [[each.path, each.suite, each.ran / each.lines, each.lines, each.missed] for each in run.coverage]
    return packed(
        ["file", "suite", "covered", "lines", "missed"], rows, "the coverage.xml of each suite", _COVERAGE
    )
