"""The report and the error of the posture gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.posture import report
from ci.posture.facts import Started
from ci.project.waivers import Waiver
from tests.unit.posture.judged import CODE, TODAY, broken, verdict
from tests.unit.posture.layouts import Entry, make

if TYPE_CHECKING:
    from pathlib import Path


def test_how_an_image_runs_is_shown_by_names_never_values(tmp_path: Path) -> None:
    check = {"Test": ["CMD", "true"], "Interval": 30_000_000_000}
    config = {"User": "10001:10001", "Healthcheck": check, "Env": ["PATH=/bin", "B=secret"]}
    image = make(tmp_path, {**CODE, "app/mine": Entry(uid=7)}, config=config).image()
    header, row = report.settings([image])
    shown = dict(zip(header, row, strict=True))
    assert shown["user"] == "10001:10001"
    assert shown["healthcheck"] == "CMD each 30 s"
    assert shown["environment"] == "B PATH"
    assert shown["files"] == "2"
    assert shown["not root's"] == "1"
    bare = make(tmp_path / "bare", CODE, config={"User": "", "Healthcheck": None, "Env": None}).image()
    assert report.settings([bare])[1][2:5] == ["root", "none", ""]


def test_the_error_says_rule_finding_reason_and_what_to_do(tmp_path: Path) -> None:
    error = report.error(verdict(make(tmp_path, CODE, config={"User": ""}).image()))
    assert error is not None
    for text in (
        "fails for web",
        "web: non-root-user",
        "no USER",
        "why: ",
        "do: end the Dockerfile",
        "Next: ",
    ):
        assert text in str(error)


def test_the_report_has_table_markdown_json_and_layers(tmp_path: Path) -> None:
    files = report.directory(verdict(make(tmp_path, CODE, config={"User": ""}).image()))
    assert sorted(files) == [
        "layers/web.txt",
        *(f"posture.{kind}" for kind in ("json", "md", "txt")),
        *(f"settings.{kind}" for kind in ("md", "txt")),
    ]
    assert files["posture.md"].startswith("## Posture: failed\n")
    assert '"rule": "non-root-user"' in files["posture.json"]
    assert "COPY app /app" in files["layers/web.txt"]


def test_an_image_that_is_not_started_says_which_rules_are_skipped(tmp_path: Path) -> None:
    image = make(tmp_path, CODE).image(service="web@arm64", started=Started(skipped=True))
    found = verdict(image)
    assert report.error(found) is None
    assert "skipped: web@arm64: read-only-start, stops-in-time" in report.text(found)
    data = report.data(found)["images"]["web@arm64"]
    assert data["skipped"] == ["read-only-start", "stops-in-time"]
    assert not {*data["kept"]} & {*data["skipped"]}
    assert "13 of 15" in report.text(found)


def test_budgets_and_waivers_of_a_service_are_those_of_all_its_platforms(tmp_path: Path) -> None:
    image = make(tmp_path, CODE, config={"User": ""}).image(service="web@arm64")
    waiver = Waiver("non-root-user", "web", "the vendor's", TODAY)
    found = verdict(image, waivers=(waiver,))
    assert report.error(found) is None
    assert report.data(found)["waivers"][0]["status"] == "used"
    assert "size-budget" in broken(image, size_budgets={"web": 0})
