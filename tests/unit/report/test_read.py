"""What is read of a report's folder: cut texts, lives of containers, parts of steps, reasons."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ci.report.html import page
from ci.report.read import read
from ci.report.timeline import timeline
from ci.report.verdict import Reason, reasons
from tests.raised import raises
from tests.unit.report.folders import Report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INTEGRATION = "test-integration/summary.json"


def change(folder: Path, name: str, edit: Callable[[Any], object]) -> None:
    """Edit a JSON document of a report."""
    data = json.loads((folder / name).read_text())
    edit(data)
    (folder / name).write_text(json.dumps(data))


def test_a_long_log_has_its_beginning_and_its_end(tmp_path: Path) -> None:
    Report().write(tmp_path)
    path = tmp_path / "test-integration" / "logs" / "gateway.log"
    path.write_text("".join(f"line {number}\n" for number in range(1_000_000)))
    short, long = read(tmp_path).logs
    assert (short.name, short.cut) == ("agent", 0)
    assert (long.path, long.size) == ("test-integration/logs/gateway.log", path.stat().st_size)
    assert long.text.startswith("line 0\nline 1\n")
    assert long.text.endswith("line 999998\nline 999999\n")
    said = f"\n… {long.cut} bytes are left out here …\n"
    assert len(long.text.replace(said, "").encode()) + long.cut == long.size
    assert 2_000_000 < len(long.text) < 2_500_100


def test_a_restarted_container_started_first_and_ended_last(tmp_path: Path) -> None:
    Report(services=("web",)).write(tmp_path)
    path = tmp_path / "test-integration" / "logs" / "events.json"
    create, start, healthy, die = json.loads(path.read_text())
    again = [{**each, "timeNano": each["timeNano"] + 20_000_000_000} for each in (start, die)]
    suite = {**start, "Actor": {"ID": "x", "Attributes": {"com.docker.compose.oneoff": "True"}}}
    path.write_text(json.dumps([create, start, healthy, die, *again, suite]))
    life = read(tmp_path).lives
    assert [(each.name, each.started, each.healthy, each.ended) for each in life.values()] == [
        ("web", 0.5, 1.5, 29.0)
    ]


def test_a_result_of_an_earlier_run_has_no_place_in_the_time_line(tmp_path: Path) -> None:
    Report().write(tmp_path)
    parts = {bar.name for bar in timeline(read(tmp_path)).bars if bar.part}
    assert parts == {"gateway", "agent", "integration tests", "start of the stack"}
    change(tmp_path, "test/tests.json", lambda data: data["services"]["agent"].update(cached=True))
    change(tmp_path, INTEGRATION, lambda data: data.update(cached=True))
    assert {bar.name for bar in timeline(read(tmp_path)).bars if bar.part} == {"gateway"}


def test_a_report_without_starts_says_so(tmp_path: Path) -> None:
    Report().write(tmp_path)
    change(tmp_path, "summary.json", lambda data: [step.pop("started") for step in data["steps"].values()])
    html = page.render(read(tmp_path))
    assert "When the steps started is not recorded in this report" in html
    assert html.count('<td class="number">not recorded</td>') == 5


def test_every_gate_has_its_reasons(tmp_path: Path) -> None:
    Report(services=("web",)).write(tmp_path)
    failed = ["posture", "test", "scan", "test-integration", "build"]
    change(tmp_path, "summary.json", lambda data: data.update(failed=failed))
    change(tmp_path, "posture/posture.json", lambda data: data["waivers"][0].update(status="expired"))
    change(
        tmp_path, "posture/posture.json", lambda data: data["images"]["web"]["broken"][0].update(waiver=None)
    )
    change(
        tmp_path, "scan/scan.json", lambda data: data["errors"].update({"web": ["no data for its system"]})
    )
    change(tmp_path, INTEGRATION, lambda data: data["not_ready"].update(web="service 'web' did not start"))
    found = reasons(read(tmp_path))
    assert list(found) == failed
    assert [*found["posture"], *found["scan"], *found["test-integration"], *found["build"]] == [
        Reason("posture", "web", "breaks size-budget"),
        Reason("posture", "web", "the waiver of size-budget ended on 2027-09-01"),
        Reason("scan", "web", "3 findings fail: 2 critical, 1 medium"),
        Reason("scan", "web", "no data for its system"),
        Reason("test-integration", "", "service 'web' did not start"),
        Reason("build", "", "passed"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [("summary.json", None, "No such file"), ("scan/scan.json", "{}", "missing required field")],
)
def test_a_folder_that_is_no_report_is_one_error(
    tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    Report().write(tmp_path)
    if text is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(text)
    with raises("report.folder-invalid", name.rpartition("/")[2], said):
        read(tmp_path)
