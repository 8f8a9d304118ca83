from __future__ import annotations

from datetime import date

import pytest

from ci.project import policy
from ci.project.waivers import Waiver
from tests.raised import raises


def test_defaults_without_a_table() -> None:
    assert policy.read("[project]\nname='x'") == policy.Policy()


def test_a_setting_is_read() -> None:
    text = '[tool.ci]\ntest-timeout = 9\ntest-packages = ["a", "b"]'
    read = policy.read(text)
    assert (read.test_timeout, read.test_packages) == (9, ("a", "b"))


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("policy.unknown-setting", "test-timout = 9", "did you mean 'test-timeout'?"),
        ("policy.unknown-setting", "colour = 'red'", "the keys are tests"),
        ("policy.wrong-type", "test-timeout = 'long'", "give it a int"),
        ("policy.wrong-type", "test-packages = 'a'", "give it a list"),
        ("policy.wrong-size-budget", "size-budgets = {web = 'small'}", "is 'small'"),
        ("policy.wrong-type", "denied-licenses = 'MIT'", "give it a list"),
        ("scan.unknown-license", "denied-licenses = ['MIT', 'AGPL-3.0-onyl']", "did you mean 'AGPL-3.0'?"),
        (
            "scan.unknown-license",
            "denied-licenses = ['copyleft']",
            "forbidden, restricted, reciprocal, unknown",
        ),
        (
            "scan.unknown-license",
            "denied-licenses = ['MIT OR Apache-2.0']",
            "names 'MIT OR Apache-2.0', which is no license",
        ),
        ("scan.unknown-license", "denied-licenses = [3]", "names 3, which is no license"),
        (
            "posture.waiver-not-text",
            "[[tool.ci.waivers]]\nrule = 7\nservice = 's'\nreason = 'x'\nuntil = 2030-01-01",
            "rule is 7",
        ),
        ("posture.waiver-not-a-table", "waivers = ['x']", "[[tool.ci.waivers]]"),
        (
            "posture.waiver-field-missing",
            "[[tool.ci.waivers]]\nrule = 'r'\nservice = 's'\nuntil = 2030-01-01",
            "reason is missing",
        ),
        (
            "posture.waiver-field-missing",
            "[[tool.ci.waivers]]\nrule = 'r'\nservice = 's'\nreason = 'x'",
            "until is missing",
        ),
        (
            "posture.waiver-not-a-day",
            "[[tool.ci.waivers]]\nrule = 'r'\nservice = 's'\nreason = 'x'\nuntil = '2030-01-01'",
            "a day without quotes",
        ),
        ("posture.waiver-unknown-field", "[[tool.ci.waivers]]\nruel = 'r'", "waivers[1].ruel: no such field"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(code: str, text: str, expected: str) -> None:
    with raises(code, match=r"pyproject\.toml: tool\.ci\.") as caught:
        policy.read(f"[tool.ci]\n{text}")
    assert expected in str(caught.value)


def test_licenses_are_ids_or_categories() -> None:
    entries = (
        '["AGPL-3.0", "GPL-2.0-or-later", "SSPL-1.0", "0BSD", "Commons-Clause", "reciprocal", "unknown"]'
    )
    read = policy.read(f"[tool.ci]\ndenied-licenses = {entries}")
    assert ", ".join(read.denied_licenses) == entries.strip("[]").replace('"', "")


def test_a_file_that_is_no_toml_is_named() -> None:
    with raises("policy.not-toml", match=r"pyproject\.toml: .*line 1"):
        policy.read("tool = = 1\n")


def test_a_waiver_is_read_with_its_last_day() -> None:
    text = "[[tool.ci.waivers]]\nrule = 'r'\nservice = 's'\nreason = 'x'\nuntil = 2030-01-31"
    (waiver,) = policy.read(text).waivers
    assert waiver == Waiver("r", "s", "x", date(2030, 1, 31))
