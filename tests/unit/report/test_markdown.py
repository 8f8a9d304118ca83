"""The job summary: verdict, reasons, time line and graph, within GitHub's limit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ci.report import markdown
from ci.report.read import read
from tests.unit.report.folders import Report

if TYPE_CHECKING:
    from pathlib import Path


def test_a_red_run_says_why(tmp_path: Path) -> None:
    text = markdown.render(
        read(Report().write(tmp_path)), "flowchart LR", ["## Scan: failed\n", "## Posture"]
    )
    assert text.startswith("# Gate: failed in test, scan\n")
    assert "- **test**, gateway: 1 failed plain: test_red\n" in text
    assert "- **scan**, gateway: 3 findings fail: 2 critical, 1 medium\n" in text
    assert "```mermaid\nflowchart LR\n```" in text
    assert text.endswith("## Scan: failed\n\n## Posture\n")


def test_the_time_line_is_a_drawing(tmp_path: Path) -> None:
    text = markdown.render(read(Report(red=False).write(tmp_path)))
    drawn = text.partition("```text\n")[2].partition("```")[0].splitlines()
    assert drawn == [
        "build             ██████████                                   10.5 s",
        "posture                     ████                                4.2 s",
        "test                        ██████████████████████████████     30.0 s",
        "scan                        ███████                             7.1 s",
        "test-integration            ██████████████████████             22.8 s",
    ]
    assert "took: build and then test. Without test it would have been 7.2 s shorter." in text


def test_a_report_without_starts_has_no_time_line(tmp_path: Path) -> None:
    Report().write(tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    for step in summary["steps"].values():
        del step["started"]
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    assert "```text" not in markdown.render(read(tmp_path))


def test_parts_that_do_not_fit_are_counted(tmp_path: Path) -> None:
    run = read(Report(services=tuple(f"service-{n}" for n in range(200))).write(tmp_path))
    text = markdown.render(run, "flowchart LR", ["a" * 500_000, "b" * 500_000, "c"])
    assert len(text.encode()) < markdown.LIMIT + 200
    assert "bbb" not in text
    assert text.endswith("1 parts are left out because a job summary has a limit; index.html has them.\n")
    assert "mermaid" not in text
