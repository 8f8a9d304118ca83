from __future__ import annotations

from typing import Any

import pytest

from ci.testing import junit, results

JUNIT = (
    '<testsuites><testsuite tests="{tests}" failures="{failures}"'
    ' errors="{errors}" skipped="{skipped}"/></testsuites>'
)


def read(outcome: dict[str, Any], *, asked_at: float = 0, **counts: int) -> results.Result:
    full = {"exit_code": 0, "signal": "", "late": False, "at": 5.0, "seconds": 1.5, **outcome}
    given = {"tests": 3, "failures": 0, "errors": 0, "skipped": 0, **counts}
    return results.read("web", full, JUNIT.format(**given), "output", asked_at=asked_at)


def test_green() -> None:
    assert read({}).row == ["web", "3", "0", "0", "1.5", "passed"]


def test_a_kept_result_says_so() -> None:
    assert read({}, asked_at=9).row[-1] == "passed (cached)"


@pytest.mark.parametrize(
    ("outcome", "counts", "failure"),
    [
        ({"exit_code": 1}, {"failures": 1, "errors": 1}, "2 failed"),
        ({"exit_code": 137, "signal": "SIGKILL"}, {}, "ended by SIGKILL"),
        (
            {"exit_code": 137, "late": True, "signal": "SIGKILL", "seconds": 300.1},
            {},
            "timed out after 300 s",
        ),
        ({"exit_code": 5}, {"tests": 0}, "exit code 5"),
        ({}, {"tests": 2, "skipped": 2}, "no test ran"),
        ({}, {"tests": 0}, "no test ran"),
    ],
)
def test_why_a_run_fails(outcome: dict[str, Any], counts: dict[str, int], failure: str) -> None:
    assert read(outcome, **counts).failure == failure


VERBOSE = """\
collected 3 items

test_a.py::test_one PASSED                             [ 33%]
test_a.py::test_two[a b] FAILED                        [ 66%]
../tests/test_a.py::test_three[x-1] """


def test_the_test_that_hangs_is_named() -> None:
    outcome = {"exit_code": 137, "signal": "SIGKILL", "late": True, "at": 5.0, "seconds": 9.0}
    result = results.read("web", outcome, "", VERBOSE, asked_at=0)
    assert result.failure == "timed out after 9 s, in test_a.py::test_three[x-1]"
    assert "test_one" not in result.output
    assert "test_two[a b] FAILED" in result.output


def test_a_test_that_a_signal_ended_is_named() -> None:
    outcome = {"exit_code": 139, "signal": "SIGSEGV", "late": False, "at": 5.0, "seconds": 9.0}
    result = results.read("web", outcome, "", VERBOSE, asked_at=0)
    assert result.failure == "ended by SIGSEGV, in test_a.py::test_three[x-1]"


def test_coverage_is_that_of_the_whole_run() -> None:
    xml = '<?xml version="1.0" ?>\n<coverage version="7.17" line-rate="0.934" x="y"><package line-rate="1"/>'
    assert results.covered(xml) == "93%"
    assert results.covered("") == "-"


def test_no_report_at_all_fails() -> None:
    outcome = {"exit_code": 0, "signal": "", "late": False, "at": 5.0, "seconds": 1.5}
    assert results.read("web", outcome, "", "", asked_at=0).failure == "no test ran"


def test_a_command_without_junit_is_judged_by_its_exit_code() -> None:
    outcome = {"exit_code": 0, "signal": "", "late": False, "at": 2.0, "seconds": 1.0}
    passed = results.by_exit_code("web", outcome, "ok", asked_at=1)
    assert (passed.failure, passed.tests, passed.row[-1]) == ("", 0, "passed (exit code 0)")
    failed = results.by_exit_code("web", outcome | {"exit_code": 3}, "bad", asked_at=1)
    assert (failed.failure, failed.output) == ("exit code 3", "bad")
    late = results.by_exit_code("web", outcome | {"late": True, "exit_code": 137}, "", asked_at=1)
    assert late.failure.startswith("timed out")


def test_several_junit_files_and_nested_suites_are_counted_once() -> None:
    inner = '<testsuite tests="2" failures="1"/>'
    nested = f'<testsuites><testsuite tests="2" failures="1">{inner}</testsuite></testsuites>'
    outcome = {"exit_code": 1, "signal": "", "late": False, "at": 2.0, "seconds": 1.0}
    merged = junit.merged({"a.xml": nested, "b.xml": '<testsuite tests="3" skipped="1"/>'}, where="web")
    found = results.read("web", outcome, merged, "", asked_at=1)
    assert (found.tests, found.failed, found.skipped) == (5, 1, 1)


def test_the_row_of_an_image_that_the_engine_does_not_run_says_so() -> None:
    row = results.skipped("web@arm64", "linux/arm64").row
    assert (row[0], row[-1]) == ("web@arm64", "skipped (this engine does not run linux/arm64)")


def test_the_result_of_a_run_that_two_services_share() -> None:
    passed = results.Result("api", 3, 0, 0, 1.0, "", "all", cached=False)
    failed = results.Result("api", 3, 1, 0, 1.0, "1 failed", "all", cached=False)
    assert results.as_of(passed, "api") is passed
    other = results.as_of(passed, "worker")
    assert (other.name, other.tests, other.note) == ("worker", 3, "passed (the same image and tests as api)")
    other = results.as_of(failed, "worker")
    assert (other.failure, other.output, other.note) == ("1 failed", "the same image and tests as api", "")
