"""Hold every figure of a page against the documents of its report."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

UNITS = {"GB": 1e9, "MB": 1e6, "kB": 1e3, "B": 1.0, "s": 1.0, "ms": 1e-3, "%": 0.01}
AMOUNT = re.compile(r"^(\d+)(?:\.(\d+))? (GB|MB|kB|B|s|ms|%)$")
TABLE = re.compile(r"^all-")


@dataclass
class Figure:
    """A data element: its value, where it is from, and what is shown."""

    value: str
    place: str
    total: str
    shown: str = ""


@dataclass
class Page(HTMLParser):
    """What a page contains."""

    figures: list[Figure] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str]] = field(default_factory=list)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    visible: list[str] = field(default_factory=list)
    _open: Figure | None = None
    _table: str = ""
    _script: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes += given.items()
        if tag == "data":
            self._open = Figure(given["value"], given.get("data-from", ""), given.get("data-total", ""))
            self.figures.append(self._open)
        if TABLE.match(given.get("id", "")):
            self._table = given["id"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "data":
            self._open = None
        if tag == "script" and self._table:
            self.tables[self._table] = unpacked(json.loads(self._script))
            self._table = ""
        self._script = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open.shown += data
        if self.tags[-1:] == ["script"]:
            self._script += data
        elif self.tags[-1:] != ["style"]:
            self.visible.append(data)


def parse(html: str) -> Page:
    page = Page()
    page.feed(html)
    return page


def unpacked(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table for the page's script, by column."""
    texts = data["texts"]
    values = ([each[0] if isinstance(each, list) else texts[each] for each in row] for row in data["rows"])
    return [dict(zip(data["columns"], row, strict=True)) for row in values]


def hold(page: Page, folder: Path) -> None:
    """Assert that each figure is the one in the documents, and shown as it is."""
    _read.cache_clear()
    assert len(page.figures) > 20
    totals = sums(folder)
    for each in page.figures:
        found = at(folder, each.place) if each.place else totals[each.total]
        assert float(each.value) == float(found), each
        assert says(each.shown, float(found)), each
    hold_findings(page, folder)
    hold_tests(page, folder)


@cache
def _read(path: Path) -> Any:  # noqa: ANN401 - JSON
    return json.loads(path.read_text())


def at(folder: Path, place: str) -> Any:  # noqa: ANN401 - JSON
    """Return what a JSON pointer points at."""
    name, _, pointer = place.partition("#")
    found = _read(folder / name)
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = found[int(key)] if isinstance(found, list) else found[key]
    return found


def says(shown: str, value: float) -> bool:
    """Return whether a text is a number, up to what it rounds off."""
    text = shown.replace("\u202f", "")
    if text == "none":
        return value == 0
    if minutes := re.match(r"^(\d+) min (\d+) s$", text):
        return abs(int(minutes[1]) * 60 + int(minutes[2]) - value) <= 0.5
    if text[:1] in "+-":
        return (value > 0) == text.startswith("+") and says(text[1:], abs(value))
    amount = AMOUNT.match(text)
    if amount is None:
        return float(text) == value
    unit = UNITS[amount[3]]
    number = float(f"{amount[1]}.{amount[2] or 0}") * unit
    step = unit / 10 ** len(amount[2] or "")
    return bool(abs(number - value) <= step * (1 if amount[3] == "%" else 0.5) + 1e-9)


def document(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def findings(folder: Path) -> list[dict[str, Any]]:
    subjects = document(folder, "scan/scan.json").get("subjects", {})
    return [each | {"in": name} for name, subject in subjects.items() for each in subject["findings"]]


def sums(folder: Path) -> dict[str, float]:
    """Return what the page adds up, added up once more."""
    summary, scan = document(folder, "summary.json"), document(folder, "scan/scan.json")
    posture = document(folder, "posture/posture.json").get("images", {})
    suites = [*document(folder, "test/tests.json").get("services", {}).values()]
    integration = document(folder, "test-integration/summary.json")
    steps, images = summary["steps"].values(), summary["images"].values()
    found = findings(folder)
    lines = [line for path in folder.glob("test/*/coverage.xml") for line in ET.parse(path).iter("line")]  # noqa: S314
    rules = [
        rule for image in posture.values() for rule in {*image["kept"], *(b["rule"] for b in image["broken"])}
    ]
    broken = {(n, b["rule"]) for n, image in posture.items() for b in image["broken"] if not b["waiver"]}
    earlier = document(folder, "earlier.json").get("images", {}).values()
    claims = document(folder, "evidence.json").get("claims", [])
    size = sum(each["size"] for each in images)
    return {
        "images": len(images),
        "size": size,
        "size-change": size - sum(each["size"] for each in earlier),
        "tests": sum(each["tests"] for each in suites) + integration.get("tests", 0),
        "failed": sum(each["failed"] for each in suites) + integration.get("failed", 0),
        "skipped": sum(each["skipped"] for each in suites),
        "lines": len(lines),
        "coverage": sum(line.get("hits") != "0" for line in lines) / max(1, len(lines)),
        "broken": len(broken),
        "rules": len(rules),
        "failing": sum(each["status"] == "fails" for each in found),
        "findings": len(found),
        "up": len(integration.get("up_after", ())),
        "up-after": max(integration.get("up_after", {}).values(), default=0),
        "seconds": max(each["started"] + each["seconds"] for each in steps),
        "steps": len(summary["steps"]),
        "claims": len(claims),
        "reused": sum(bool(each["reused"]) for each in claims),
        **{
            f"severity.{s}": sum(each["severity"] == s for each in found)
            for s in {e["severity"] for e in found}
        },
        **{f"change.{i}": len(each["removes"]) for i, each in enumerate(scan.get("changes", ()))},
    }


def hold_findings(page: Page, folder: Path) -> None:
    """Assert that the table of findings has each finding of the scan."""
    shown = page.tables.get("all-findings", [])
    found = findings(folder)
    assert len(shown) == len(found)
    for row, each in zip(shown, found, strict=True):
        for name in ("status", "severity", "id", "kind", "in"):
            assert row[name] == each[name]
        for name in ("package", "version", "url"):
            assert row[name] == each.get(name, "")
        assert row["what"] == each["title"]
        assert row["change"] == each.get("removed_by", "")


def hold_tests(page: Page, folder: Path) -> None:
    """Assert that the table of tests has each test of the JUnit files."""
    files = [*folder.glob("test/*/junit.xml"), *folder.glob("test-integration/junit.xml")]
    cases = [case for path in files for case in ET.parse(path).iter("testcase")]  # noqa: S314 - our own files
    shown = page.tables.get("all-tests", [])
    assert sorted((row["test"], row["seconds"]) for row in shown) == sorted(
        (case.get("name"), float(case.get("time", 0))) for case in cases
    )
    assert sum(row["status"] == "failed" for row in shown) == sum(
        case.find("failure") is not None or case.find("error") is not None for case in cases
    )
