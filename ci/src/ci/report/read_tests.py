"""Read tests from JUnit files, and covered lines from Cobertura files."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from ci.report.model import Case, Covered
from ci.testing import junit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["cases", "coverage"]

# Characters of one failure, and of all failures of a run: the rest is in the JUnit file.
_LONGEST, _MOST = 20_000, 600_000
_LONGEST_MESSAGE = 500
_PACKAGES = "/site-packages/"
# Of a test that failed first, as Maven's and Gradle's runners write it; pytest-rerunfailures writes nothing.
_UNSTABLE = ("flakyFailure", "flakyError")


def cases(folder: Path, suites: Mapping[str, str]) -> Iterator[Case]:
    """Yield the tests in `PLACE/junit.xml` of each suite; `suites` maps places to names."""
    left = _MOST
    for place, suite in suites.items():
        path = folder / place / "junit.xml"
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for element in junit.parsed(text, where=suite).iter("testcase") if text else ():
            message, text = _failure(element)
            text = text[: min(_LONGEST, left)]
            left -= len(text)
            yield Case(
                suite,
                element.get("name", ""),
                element.get("classname", ""),
                junit.number(element.get("time")),
                junit.status(element),
                message[:_LONGEST_MESSAGE],
                text,
                unstable=any(child.tag in _UNSTABLE for child in element),
            )


def _failure(element: ET.Element) -> tuple[str, str]:
    """Return message and text of a test that failed, or the reason why it was skipped."""
    for child in element:
        if child.tag in ("failure", "error"):
            return child.get("message") or "", child.text or ""
    skipped = element.find("skipped")
    return "" if skipped is None else skipped.get("message") or "", ""


def coverage(folder: Path, suites: Mapping[str, str]) -> Iterator[Covered]:
    """Yield the source files in `PLACE/coverage.xml` of each suite, without those that have no lines."""
    for place, suite in suites.items():
        path = folder / place / "coverage.xml"
        for element in ET.parse(path).getroot().iter("class") if path.is_file() else ():  # noqa: S314 - ours
            hits = {int(line.get("number", 0)): line.get("hits") != "0" for line in element.iter("line")}
            if hits:
                name = element.get("filename", "").rpartition(_PACKAGES)[2]
                missed = [number for number, ran in hits.items() if not ran]
                yield Covered(suite, name, len(hits), len(hits) - len(missed), _ranges(missed))


def _ranges(numbers: list[int]) -> str:
    """Write numbers as ranges, such as 3-5, 9."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ", ".join("-".join(map(str, each)) for each in ranges)
