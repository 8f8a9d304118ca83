"""Read JUnit files as test frameworks write them, which do not agree on what is in one."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Counts", "counts", "is_junit", "merged", "number", "parsed", "readable", "status"]

# Characters that XML cannot contain, such as those of colored output, and references to them.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]+)|(\d+));")
_LARGEST = 0x10FFFF
_ROOTS = ("testsuite", "testsuites")
_NOT_RUN = ("disabled", "notrun", "skipped")


@dataclass(frozen=True)
class Counts:
    """How many tests a file has."""

    tests: int = 0
    failed: int = 0
    skipped: int = 0


def readable(text: str) -> str:
    """Replace characters that are not allowed in XML, which some frameworks copy from a test's output."""

    def replaced(match: re.Match[str]) -> str:
        code = int(match[1], 16) if match[1] else int(match[2])
        return "\ufffd" if code > _LARGEST or _FORBIDDEN.match(chr(code)) else match[0]

    return _REFERENCE.sub(replaced, _FORBIDDEN.sub("\ufffd", text))


def parsed(text: str, *, where: str) -> ET.Element:
    """Parse a file. Raise if it is not XML, for example because its writer was killed."""
    try:
        return ET.fromstring(readable(text))  # noqa: S314 - written in a container of ours
    except ET.ParseError as error:
        raise PipelineError(
            "test.junit-not-xml",
            f"{where}: its JUnit file is not XML: {error}",
            details=text[-500:],
            hint="correct what writes it; without a JUnit file the exit code of a command is the result",
        ) from error


def is_junit(text: str) -> bool:
    """Return whether a file is a JUnit report and not another kind of XML, such as a coverage report."""
    try:
        return ET.fromstring(readable(text)).tag in _ROOTS  # noqa: S314 - as above
    except ET.ParseError:
        return True  # `parsed` reports it


def merged(files: Mapping[str, str], *, where: str) -> str:
    """Join several files, by their names, into one."""
    if len(files) == 1:
        return readable(*files.values())
    root = ET.Element("testsuites")
    for name, text in files.items():
        each = parsed(text, where=f"{where}, {name}")
        root.extend([each] if each.tag == "testsuite" else list(each))
    return ET.tostring(root, encoding="unicode")


def counts(text: str, *, where: str) -> Counts:
    """Count the tests, by themselves and by the sums that suites have of them; the larger number is right.

    Node.js writes tests outside of any suite, and a suite may have an error without a test.
    """
    root = parsed(text, where=where)
    found = [status(element) for element in root.iter("testcase")]
    # Outer suites may have the sums of inner ones.
    suites = [suite for suite in root.iter("testsuite") if suite.find("testsuite") is None]

    def summed(*keys: str) -> int:
        return int(sum(number(suite.get(key)) for suite in suites for key in keys))

    return Counts(
        tests=max(len(found), summed("tests")),
        failed=max(found.count("failed"), summed("failures", "errors")),
        skipped=max(found.count("skipped"), summed("skipped")),
    )


def status(case: ET.Element) -> str:
    """Return `passed`, `failed` or `skipped`."""
    tags = {child.tag for child in case}
    if tags & {"failure", "error"}:
        return "failed"
    if "skipped" in tags or case.get("status", "").lower() in _NOT_RUN:
        return "skipped"
    return "passed"


def number(text: str | None) -> float:
    """Read a number, which Surefire writes as 1,234.5; 0 for what is none."""
    try:
        return float((text or "0").replace(",", ""))
    except ValueError:
        return 0.0
