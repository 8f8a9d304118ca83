"""What a report knows of earlier runs: sizes over time, and tests that fail now and then."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ci.report import history
from ci.report.html import page
from ci.report.html.trend import trends
from ci.report.model import Case, Entry, Flaky, History, SuiteRun
from ci.report.read import read
from tests.raised import raises
from tests.unit.report import held
from tests.unit.report.folders import BEGAN, Report

if TYPE_CHECKING:
    from pathlib import Path

PASSED, FAILED = SuiteRun("a", passed=True), SuiteRun("a", passed=False, failed=("file.one",))


def case(status: str, *, unstable: bool = False) -> Case:
    return Case("web", "one", "file", 0.1, status, unstable=unstable)


def runs(*suites: SuiteRun) -> History:
    return History(runs=tuple(Entry(str(n), {}, {"web": each}) for n, each in enumerate(suites)))


@pytest.mark.parametrize(
    ("now", "past", "found"),
    [
        (case("passed"), (FAILED, PASSED), [Flaky("web", "file.one", "0", "1")]),
        (case("failed"), (PASSED, PASSED, FAILED), [Flaky("web", "file.one", "2", "1")]),
        (case("passed", unstable=True), (PASSED,), [Flaky("web", "file.one", "0", "0")]),
        (case("failed"), (FAILED, FAILED), []),
        (case("skipped"), (FAILED, PASSED), []),
        # Other tests or another image: the failure may have been fixed.
        (case("passed"), (FAILED, SuiteRun("b", passed=True)), []),
        # Another test failed, so it is not known whether this one ran.
        (case("failed"), (SuiteRun("a", passed=False, failed=("file.two",)), FAILED), []),
        (case("passed"), (PASSED,), []),
    ],
)
def test_flaky_is_what_failed_and_passed_with_the_same_inputs(
    now: Case, past: tuple[SuiteRun, ...], found: list[Flaky]
) -> None:
    assert history.flaky(runs(*past), [now]) == found


def test_a_report_continues_the_history_of_its_base(tmp_path: Path) -> None:
    Report(earlier=0, red=True).write(tmp_path / "first")
    first = read(tmp_path / "first")
    Report(earlier=0, red=False).write(tmp_path / "second")
    (tmp_path / "first" / "history.json").write_text(history.write(first.history))
    second = read(tmp_path / "second", tmp_path / "first")
    assert [each.began for each in second.history.runs] == [BEGAN, BEGAN]
    assert [each.suites["gateway"].failed for each in second.history.runs] == [("test_it.test_red",), ()]
    assert {each.test for each in second.flaky} == {"test_it.test_red"}
    assert {each.suite for each in second.flaky} == {"gateway", "agent"}


def test_a_history_has_a_bound() -> None:
    past = History(runs=tuple(Entry(str(number), {}) for number in range(30)))
    assert [each.began for each in history.added(past, Entry("now", {})).runs] == [
        *map(str, range(1, 30)),
        "now",
    ]


def test_a_history_of_another_version_is_not_continued() -> None:
    assert history.read(b'{"schema": 2, "runs": []}') == History()


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 1, "runs": [{"began": 1}]}'])
def test_a_history_that_is_none_is_refused(text: str) -> None:
    with raises("report.history-invalid", "history.json"):
        history.read(text.encode())


def test_a_test_that_passed_after_a_failure_in_the_same_run_is_read(tmp_path: Path) -> None:
    Report(services=("web",), earlier=0, red=False).write(tmp_path)
    path = tmp_path / "test" / "web" / "junit.xml"
    path.write_text('<testsuite><testcase name="one"><flakyFailure message="x"/></testcase></testsuite>')
    assert read(tmp_path).flaky == (Flaky("web", "one", BEGAN, BEGAN),)


def test_the_page_draws_each_size_and_names_flaky_tests(tmp_path: Path) -> None:
    Report(services=("web", "api"), earlier=3).write(tmp_path)
    run = read(tmp_path)
    written = json.loads((tmp_path / "history.json").read_text())
    drawn = trends(run.history)
    for name, trend in drawn.items():
        sizes = [each["sizes"][name] for each in written["runs"]]
        assert [bar.size for bar in trend.bars] == sizes
        heights = [bar.height for bar in trend.bars]
        assert heights == sorted(heights)
        assert (min(heights), max(heights)) == (20.0, 100.0)
    assert drawn["web"].text == "4 runs since 1 November 2026, 10:00 UTC: from 47.0 MB, change +3.0 MB"
    html = page.render(run)
    assert html.count('class="trend"') == 2
    said = " ".join(" ".join(held.parse(html).visible).split())
    assert "test_it.test_red web 30 November 2026, 10:00 UTC 3 November 2026, 10:00 UTC" in said


def test_a_difference_of_a_few_bytes_looks_like_none() -> None:
    history = History(runs=tuple(Entry(BEGAN, {"web": size}) for size in (50_000_000, 50_000_004)))
    before, now = (bar.height for bar in trends(history)["web"].bars)
    assert 59.9 < before < now < 60.1


def test_without_earlier_runs_nothing_is_drawn(tmp_path: Path) -> None:
    Report(earlier=0).write(tmp_path)
    html = page.render(read(tmp_path))
    assert 'class="trend"' not in html
    assert "Over time" not in html
    assert "<h3>Flaky</h3>" not in html
