"""What a waiver lets pass, for how long, and names in the settings that do not exist."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from ci.posture import report
from ci.posture.rules import RULES
from ci.project.waivers import Waiver
from tests.raised import raises
from tests.unit.posture.judged import CODE, TODAY, broken, verdict
from tests.unit.posture.layouts import make

if TYPE_CHECKING:
    from pathlib import Path


def waiver(until: date, rule: str = "non-root-user", service: str = "web") -> Waiver:
    return Waiver(rule, service, "the vendor's", until)


def test_a_waiver_lets_one_rule_of_one_service_pass_to_its_last_day(tmp_path: Path) -> None:
    image = make(tmp_path, CODE, config={"User": ""}).image()
    passed = verdict(image, waivers=(waiver(TODAY),))
    assert report.error(passed) is None
    assert "waived: non-root-user of web until 2030-01-15 (the vendor's)" in report.text(passed)


def test_an_expired_waiver_is_an_error_even_if_nothing_is_broken(tmp_path: Path) -> None:
    red = verdict(make(tmp_path, CODE).image(), waivers=(waiver(date(2030, 1, 14)),))
    error = report.error(red)
    assert error is not None
    assert "posture: the gate fails for waivers" in str(error)
    assert "until 2030-01-14" in str(error)


def test_json_has_each_waiver_and_whether_it_is_used(tmp_path: Path) -> None:
    image = make(tmp_path, CODE, config={"User": "root"}).image()
    waivers = (waiver(TODAY), waiver(date(2030, 1, 14)), waiver(TODAY, rule="size-budget"))
    found = report.data(verdict(image, waivers=waivers))["waivers"]
    assert [(each["rule"], each["until"], each["status"]) for each in found] == [
        ("non-root-user", "2030-01-14", "expired"),
        ("non-root-user", "2030-01-15", "used"),
        ("size-budget", "2030-01-15", "unused"),
    ]
    assert json.loads(json.dumps(found))[0]["reason"] == "the vendor's"


def test_a_waiver_of_one_name_does_not_hide_another(tmp_path: Path) -> None:
    image = make(tmp_path, CODE, config={"Env": ["DB_PASSWORD=abc", "API_KEY=abc", "API_TOKEN=abc"]}).image()
    one = Waiver("no-secret-settings", "web", "a demo", TODAY, ("DB_PASSWORD", "API_K*"))
    assert broken(image, waivers=(one,)) == {"no-secret-settings": "ENV API_TOKEN has a value"}
    assert "waived: no-secret-settings of web by DB_PASSWORD, API_K*" in report.text(
        verdict(image, waivers=(one,))
    )


@pytest.mark.parametrize("rule", sorted(rule.id for rule in RULES if rule.named))
def test_a_rule_of_many_names_is_waived_by_name_only(tmp_path: Path, rule: str) -> None:
    image = make(tmp_path, CODE).image()
    with raises("posture.waiver-without-names", match=rule):
        verdict(image, waivers=(waiver(TODAY, rule=rule),))


def test_a_waiver_that_is_not_needed_is_said(tmp_path: Path) -> None:
    image = make(tmp_path, CODE).image()
    assert "is not needed: remove it" in report.text(verdict(image, waivers=(waiver(TODAY),)))
    other = verdict(image, waivers=(waiver(TODAY, service="api"),))
    assert "not needed" not in report.text(other)


@pytest.mark.parametrize(
    ("code", "policy", "expected"),
    [
        (
            "posture.unknown-rule",
            {"waivers": (waiver(TODAY, rule="non-rot-user"),)},
            "did you mean 'non-root-user'?",
        ),
        ("posture.unknown-service", {"waivers": (waiver(TODAY, service="wep"),)}, "did you mean 'web'?"),
        ("posture.unknown-service", {"size_budgets": {"zzz": 1}}, "choose from web, api"),
    ],
)
def test_a_name_with_a_slip_is_refused(
    code: str, tmp_path: Path, policy: dict[str, Any], expected: str
) -> None:
    with raises(code, match=r"\.ci\.toml: (waivers|size-budgets): there is no") as caught:
        verdict(make(tmp_path, CODE).image(), **policy, place=".ci.toml: ")
    assert expected in str(caught.value)
