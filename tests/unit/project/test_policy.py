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
        ("policy.invalid-value", "test-timeout = 'long'", "test-timeout is 'long'"),
        ("policy.invalid-value", "test-timeout = true", "test-timeout is true"),
        ("policy.invalid-value", "test-timeout = 0", "test-timeout is 0"),
        ("policy.invalid-value", "test-packages = 'a'", "test-packages is 'a'"),
        ("policy.invalid-value", "lint = [1]", "lint is [1]"),
        ("policy.invalid-value", "size-budget = -1", "size-budget is -1"),
        ("policy.invalid-value", "size-budgets = {web = 'small'}", "size-budgets is {web = 'small'}"),
        ("policy.invalid-value", "size-budgets = {web = -5}", "size-budgets is {web = -5}"),
        ("policy.invalid-value", "denied-licenses = 'MIT'", "denied-licenses is 'MIT'"),
        ("policy.invalid-value", "denied-licenses = [3]", "denied-licenses is [3]"),
        ("policy.invalid-value", "waivers = ['x']", "waivers is ['x']"),
        ("scan.unknown-license", "denied-licenses = ['MIT', 'AGPL-3.0-onyl']", "did you mean 'AGPL-3.0'?"),
        (
            "scan.unknown-license",
            "denied-licenses = ['copyleft']",
            "forbidden, restricted, reciprocal, unknown",
        ),
        (
            "scan.unknown-license",
            "denied-licenses = ['MIT OR Apache-2.0']",
            "names 'MIT OR Apache-2.0', which is not a license",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(code: str, text: str, expected: str) -> None:
    with raises(code, match=r"pyproject\.toml: tool\.ci\.") as caught:
        policy.read(f"[tool.ci]\n{text}")
    assert expected in str(caught.value)


WAIVER = {"rule": "'r'", "service": "'s'", "reason": "'x'", "until": "2030-01-31"}


def waiver(**changes: str | None) -> str:
    fields = {key: value for key, value in {**WAIVER, **changes}.items() if value is not None}
    return "[[tool.ci.waivers]]\n" + "\n".join(f"{key} = {value}" for key, value in fields.items())


@pytest.mark.parametrize(
    "changes",
    [
        *({key: None} for key in WAIVER),
        *({"rule": "7"}, {"reason": "''"}, {"ruel": "'r'"}),
        *({"until": "'soon'"}, {"until": "2030-01-31T10:00:00Z"}, {"until": "true"}),
    ],
)
def test_a_waiver_has_every_field_in_its_type(changes: dict[str, str | None]) -> None:
    with raises("policy.invalid-value", "tool.ci.waivers"):
        policy.read(waiver(**changes))


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
    (found,) = policy.read(waiver()).waivers
    assert found == Waiver("r", "s", "x", date(2030, 1, 31))


def test_settings_can_be_in_a_file_of_their_own() -> None:
    own = 'test-timeout = 9\n[services.web]\ntest = "npm test"\n'
    read = policy.read("[project]\nname='x'", own)
    assert read.test_timeout == 9
    assert read.services["web"].test == "npm test"
    with raises("policy.unknown-setting", match=r"^\.ci\.toml: test-timout is not a setting"):
        policy.read("", "test-timout = 9")
    with raises("policy.unknown-service", match=r"\.ci\.toml: services: no compose file builds 'web'"):
        read.check_services(["api"])


def test_settings_in_two_places_are_refused() -> None:
    with raises("policy.two-places", match="and in"):
        policy.read("[tool.ci]\ntest-timeout = 9", "test-timeout = 9")
