"""JUnit files of other frameworks than pytest."""

from __future__ import annotations

import pytest

from ci.testing import junit
from ci.testing.junit import Counts
from tests.raised import raises

FAILED = '<testcase name="a"><failure message="no"/></testcase>'
FILES = {
    "nodejs-without-suite": (
        (
            '<testsuites><testcase name="a" time="0.1" classname="test"/>'
            '<testcase name="b" classname="test"><skipped type="skipped"/></testcase></testsuites>'
        ),
        Counts(2, 0, 1),
    ),
    "surefire-with-thousands": (
        '<testsuite tests="1,234" failures="0" errors="0" time="2,345.678"/>',
        Counts(1234, 0, 0),
    ),
    "googletest-disabled": (
        (
            '<testsuites tests="2" disabled="1"><testsuite name="s" tests="2" disabled="1">'
            '<testcase name="a" status="run"/><testcase name="b" status="notrun"/></testsuite></testsuites>'
        ),
        Counts(2, 0, 1),
    ),
    "without-sums": (f"<testsuites><testsuite>{FAILED}</testsuite></testsuites>", Counts(1, 1, 0)),
    "empty-sums": (f'<testsuite tests="" errors="">{FAILED}</testsuite>', Counts(1, 1, 0)),
    "error-of-a-suite": ('<testsuite tests="0" errors="1"/>', Counts(0, 1, 0)),
    "color-in-a-message": (
        (
            '<testsuite tests="1"><testcase name="a"><system-out>\x1b[31mred&#27;[0m</system-out></testcase>'
            "</testsuite>"
        ),
        Counts(1, 0, 0),
    ),
    "byte-order-mark": (
        '\ufeff<?xml version="1.0" encoding="UTF-8"?><testsuite tests="1"/>',
        Counts(1, 0, 0),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_other_frameworks_are_counted(name: str) -> None:
    text, expected = FILES[name]
    assert junit.counts(text, where="web") == expected


def test_a_file_that_its_writer_did_not_finish_is_named() -> None:
    files = {"one.xml": "<testsuites/>", "two.xml": '<testsuite tests="3"><testcase'}
    with raises("test.junit-not-xml", match=r"web, two\.xml"):
        junit.merged(files, where="web")


def test_other_xml_is_no_junit() -> None:
    assert not junit.is_junit('<coverage line-rate="1"/>')
    assert junit.is_junit("<testsuites/>")
    assert junit.is_junit("<testsuites")
