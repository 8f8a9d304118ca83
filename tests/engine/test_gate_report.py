"""The report of all gates: whole when it is green, and no less when one is red."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.shops import SOUND, VULNERABLE, Shop, shop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine


def report(here: Shop, out: Path, *words: str) -> dict[str, Any]:
    called = here.scan(*words, "export", "--path", str(out), verb="gate-report")
    assert called.code == 0, called.error
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return summary


def test_a_red_gate_is_told_beside_the_others_and_sizes_are_compared(dagger: Dagger, tmp_path: Path) -> None:
    sound = report(shop(dagger, tmp_path / "sound", SOUND), tmp_path / "out")
    assert sound["red"] == []
    assert [step["outcome"] for step in sound["steps"].values()][:4] == ["passed"] * 4
    assert {"posture", "tests", "scan"} <= {path.name for path in (tmp_path / "out").iterdir()}

    vulnerable = shop(dagger, tmp_path / "vulnerable", VULNERABLE)
    out = tmp_path / "red"
    red = report(vulnerable, out, "--base", str(tmp_path / "out" / "summary.json"))
    assert red["red"] == ["scan"]
    assert red["images"]["shop"]["scan"] == "fails"
    assert red["images"]["shop"]["digest"] != sound["images"]["shop"]["digest"]
    text = (out / "summary.md").read_text()
    assert text.startswith("# Gate: red in scan\n")
    assert "CVE-2023-37920" in text
    assert " kB | " in text
    assert vulnerable.scan(verb="gate").code != 0


def test_what_is_no_summary_is_refused(dagger: Dagger, tmp_path: Path) -> None:
    (tmp_path / "base.json").write_text("{}")
    here = shop(dagger, tmp_path / "shop")
    called = here.scan("--base", str(tmp_path / "base.json"), "entries", verb="gate-report")
    assert called.code != 0
    assert "Code: report.base-invalid" in called.error
