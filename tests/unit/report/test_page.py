"""The page of a report says what the documents say, and nothing of a project gets out of its text."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ci.report.html import page
from ci.report.read import read
from tests.unit.report.folders import HOSTILE, Report
from tests.unit.report.held import hold, parse

SOURCE = Path(page.__file__).parents[3]
MOST = 10_000_000


def rendered(folder: Path, report: Report) -> str:
    return page.render(read(report.write(folder)))


@pytest.mark.parametrize("red", [True, False])
def test_each_figure_is_that_of_the_documents(tmp_path: Path, *, red: bool) -> None:
    html = rendered(tmp_path, Report(red=red))
    hold(parse(html), tmp_path)
    assert ("<h1>Failed in test, scan</h1>" if red else "<h1>Passed</h1>") in html
    assert ('<p class="message">assert 1 == 2</p>' in html) == red


@pytest.mark.parametrize(
    "place",
    ["summary.json images gateway size", "test/tests.json services agent tests", "scan/scan.json subjects"],
)
def test_a_figure_that_differs_is_found(tmp_path: Path, place: str) -> None:
    html = rendered(tmp_path, Report())
    name, *keys = place.split()
    data = json.loads((tmp_path / name).read_text())
    *path, last = keys
    inner = data
    for key in path:
        inner = inner[key]
    inner[last] = inner[last] + 1 if isinstance(inner[last], int) else {}
    (tmp_path / name).write_text(json.dumps(data))
    with pytest.raises(AssertionError):
        hold(parse(html), tmp_path)


def test_a_report_of_some_gates(tmp_path: Path) -> None:
    Report(red=False).write(tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    summary["steps"] = {"build": summary["steps"]["build"]}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    for name in (
        "posture/posture.json",
        "scan/scan.json",
        "test/tests.json",
        "test-integration/summary.json",
    ):
        (tmp_path / name).unlink()
    html = page.render(read(tmp_path))
    assert "The stack did not run, so this is what is planned." in html
    assert 'id="findings"' not in html


def test_no_text_of_a_project_is_markup(tmp_path: Path) -> None:
    names = ("gateway", "a<b>&amp;")
    plain = parse(rendered(tmp_path / "plain", Report(services=names)))
    hostile = parse(rendered(tmp_path / "hostile", Report(services=names, text=HOSTILE)))
    assert hostile.tags == plain.tags
    assert {name for name, _ in hostile.attributes} == {name for name, _ in plain.attributes}
    hold(hostile, tmp_path / "hostile")
    assert HOSTILE.partition("\u2028")[0] in "".join(hostile.visible)


def test_a_script_of_a_log_could_not_run(tmp_path: Path) -> None:
    html = rendered(tmp_path, Report(text=HOSTILE))
    script = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}';" in html
    assert not [name for name, _ in parse(html).attributes if name.startswith("on")]


def test_nothing_is_loaded(tmp_path: Path) -> None:
    attributes = parse(rendered(tmp_path, Report())).attributes
    assert "src" not in {name for name, _ in attributes}
    links = [value for name, value in attributes if name in ("href", "xlink:href")]
    assert links
    assert [
        link for link in links if not link.startswith(("#", "https://")) and not (tmp_path / link).is_file()
    ] == []


def test_a_reused_verdict_links_to_its_run(tmp_path: Path) -> None:
    Report(red=False).write(tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    reused = {"run": "https://example.com/runs/7", "at": "2026-11-29T08:00:00Z", "where": "registry/evidence"}
    summary["steps"]["scan"]["reused"] = reused
    summary["steps"]["test"]["reused"] = reused | {"run": "javascript:alert(1)"}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    html = page.render(read(tmp_path))
    # That of the step, and that of the evidence.
    assert html.count('<a href="https://example.com/runs/7">its run</a>') == 2
    assert "javascript:" not in html
    assert html.count("reused from registry/evidence, made 2026-11-29T08:00:00Z") == 2


def test_a_call_without_a_report_imports_no_template_library() -> None:
    """It would cost each of them 0.2 s."""
    code = (
        "import sys, ci.main; print({'jinja2', 'ci.report.html.page', 'ci.report.read'} & sys.modules.keys())"
    )
    words = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_exceptions_and_waivers_are_in_the_order_of_their_last_day(tmp_path: Path) -> None:
    html = rendered(tmp_path, Report())
    days = re.findall(r'<time datetime="(\d{4}-\d\d-\d\d)">', html.partition('id="exceptions"')[2])
    assert days == ["2026-12-24", "2027-08-01", "2027-09-01"]


def test_a_gate_that_could_not_end_says_why(tmp_path: Path) -> None:
    Report().write(tmp_path)
    (tmp_path / "scan" / "scan.json").unlink()
    (tmp_path / "scan" / "error.txt").write_text("the database cannot be fetched\nCode: scan.no-database\n")
    html = page.render(read(tmp_path))
    assert "scan</a> the database cannot be fetched" in html
    assert "Code: scan.no-database" in html


def test_a_large_run_is_a_small_page(tmp_path: Path) -> None:
    services = tuple(f"service-{number:03}" for number in range(200))
    report = Report(services=services, findings=30_000, tests=50, log=250_000)
    html = rendered(tmp_path, report)
    logs = sum(path.stat().st_size for path in tmp_path.glob("test-integration/logs/*.log"))
    assert logs > 49_000_000
    assert len(html.encode()) <= MOST
    hold(parse(html), tmp_path)
    # Half of it is left out, and the page says so, with the name of the whole file.
    assert html.count("of it left out here") == 200
    assert 'href="test-integration/logs/service-007.log"' in html


def test_what_did_not_run_for_a_platform_is_on_the_page(tmp_path: Path) -> None:
    Report(red=False).write(tmp_path)
    for name, skipped in (("summary.json", ["start", "unit"]), ("posture/posture.json", ["stops-in-time"])):
        data = json.loads((tmp_path / name).read_text())
        data["images"]["gateway"]["skipped"] = skipped
        (tmp_path / name).write_text(json.dumps(data))
    html = page.render(read(tmp_path))
    assert "Skipped for gateway, because the engine does not run its platform: start, unit." in html
    assert '<td class="skipped"><span aria-hidden="true">\u2013</span>' in html
