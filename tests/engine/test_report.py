"""The report of all gates is complete, whether they pass or fail."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.client import ROOT, interrupt
from tests.engine.shops import SOUND, VULNERABLE, Shop, shop
from tests.engine.test_stack import free_port
from tests.unit.report.folders import Report
from tests.unit.report.held import hold, parse

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine


def report(here: Shop, out: Path, *words: str) -> dict[str, Any]:
    called = here.report(*words, "export", "--path", str(out))
    assert called.code == 0, called.error
    hold(parse((out / "index.html").read_text()), out)
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return summary


def test_a_red_gate_is_told_beside_the_others_and_sizes_are_compared(dagger: Dagger, tmp_path: Path) -> None:
    sound = report(shop(dagger, tmp_path / "sound", SOUND), tmp_path / "out")
    assert sound["failed"] == []
    assert [step["outcome"] for step in sound["steps"].values()][:4] == ["passed"] * 4
    assert {"build", "posture", "test", "scan"} <= {path.name for path in (tmp_path / "out").iterdir()}

    vulnerable = shop(dagger, tmp_path / "vulnerable", VULNERABLE)
    out = tmp_path / "red"
    red = report(vulnerable, out, "--base", str(tmp_path / "out"))
    assert red["failed"] == ["scan"]
    assert red["images"]["shop"]["scan"] == "fails"
    assert red["images"]["shop"]["digest"] != sound["images"]["shop"]["digest"]
    text = (out / "summary.md").read_text()
    assert text.startswith("# Gate: failed in scan\n")
    assert "CVE-2023-37920" in text
    assert " kB | " in text
    page = (out / "index.html").read_text()
    assert "<h1>Failed in scan</h1>" in page
    assert "0 added, 0 removed, 1 with another version" in page
    assert (
        json.loads((out / "earlier.json").read_text())["images"]["shop"]["size"]
        == sound["images"]["shop"]["size"]
    )
    assert vulnerable.call("gate").code != 0


def test_an_empty_folder_is_nothing_to_compare_with(dagger: Dagger, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    words = ("--only", "build", "--base", str(tmp_path / "base"), "entries")
    called = shop(dagger, tmp_path / "shop").report(*words)
    assert called.code == 0, called.error


def test_what_is_no_summary_is_refused(dagger: Dagger, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "other.json").write_text("{}")
    here = shop(dagger, tmp_path / "shop")
    called = here.report("--base", str(tmp_path / "base"), "entries")
    assert called.code != 0
    assert "Code: report.base-missing" in called.error
    (tmp_path / "base" / "summary.json").write_text("{}")
    called = here.report("--base", str(tmp_path / "base"), "entries")
    assert called.code != 0
    assert "Code: report.base-invalid" in called.error


def test_a_gate_that_does_not_exist_is_refused(dagger: Dagger) -> None:
    called = dagger.call("report", "--only", "scan,tests", "entries")
    assert called.code != 0
    assert "Code: report.unknown-gate" in called.error
    assert "tests" in called.error


def test_a_gate_that_cannot_run_leaves_the_others_reported(dagger: Dagger, tmp_path: Path) -> None:
    here, out = shop(dagger, tmp_path / "shop"), tmp_path / "out"
    words = ["report", "--only", "posture,scan", "export", "--path", str(out)]
    called = here.call("--database-mirrors", "127.0.0.1:5000/no/such:2", *words)
    assert called.code == 0, called.error
    found = json.loads((out / "summary.json").read_text())
    assert found["failed"] == ["scan"]
    assert found["steps"]["scan"]["outcome"].startswith("error: ")
    assert found["steps"]["posture"]["outcome"] == "passed"
    assert "no/such:2" in (out / "scan" / "error.txt").read_text()


def test_a_report_is_served_and_compared_with_another(dagger: Dagger, tmp_path: Path) -> None:
    early, late = Report(red=False).write(tmp_path / "early"), Report().write(tmp_path / "late")
    for folder in (early, late):
        (folder / "index.html").write_text("an earlier page")
    port = free_port()
    words = ["report-site", "--folder", str(late), "--base", str(early), "up", "--ports", f"{port}:8080"]
    address = f"http://127.0.0.1:{port}/"
    with subprocess.Popen(["dagger", "call", *words], cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            page = awaited(address, process)
            log = awaited(f"{address}test-integration/logs/agent.log", process)
        finally:
            interrupt(process)
    assert "<h1>Failed in test, scan</h1>" in page
    assert "Since the earlier run" in page
    assert log == (late / "test-integration" / "logs" / "agent.log").read_text()
    called = dagger.call("report-site", "--folder", str(ROOT / "docs"), "endpoint")
    assert called.code != 0
    assert "Code: report.folder-missing" in called.error


def awaited(address: str, process: subprocess.Popen[bytes]) -> str:
    """Return what an address answers, once it does."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - our own server
                text: str = answer.read().decode()
                return text
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"{address} does not answer")
