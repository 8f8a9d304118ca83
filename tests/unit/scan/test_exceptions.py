from __future__ import annotations

import json
from datetime import date

import pytest

from ci.scan import exceptions
from tests.raised import raises

TODAY = date(2026, 11, 25)


def entry(section: str = "vulnerabilities", **fields: str) -> str:
    values = {"id": "CVE-2023-43804", "statement": "not reachable", "expired_at": "2027-01-31", **fields}
    lines = [f"{name}: {value}" for name, value in values.items() if value]
    return f"{section}:\n  - " + "\n    ".join(lines) + "\n"


def read(text: str) -> exceptions.Exemptions:
    return exceptions.read(text, TODAY)


def test_no_file_and_an_empty_one_have_no_exemptions() -> None:
    assert read("").entries == read("# none\n").entries == read("vulnerabilities:\n").entries == ()


def test_an_entry_is_given_to_trivy_under_its_name_and_without_its_day() -> None:
    exemptions = read(entry(paths="['opt/{a,b}/**']", purls="['pkg:pypi/urllib3']"))
    (found,) = exemptions.entries
    assert (found.entry, found.reason) == ("vulnerabilities[1] (CVE-2023-43804)", "not reachable")
    given = {"id": "CVE-2023-43804", "paths": ["opt/{a,b}/**"], "purls": ["pkg:pypi/urllib3"]}
    assert json.loads(exemptions.for_trivy()) == {"vulnerabilities": [{**given, "statement": found.entry}]}
    assert exemptions.named(found.entry) == found


def test_an_expired_entry_is_not_given_to_trivy_and_the_others_keep_their_names() -> None:
    text = entry(expired_at="2026-11-24") + entry(id="CVE-2").partition("\n")[2]
    given = json.loads(read(text).for_trivy())
    assert [each["statement"] for each in given["vulnerabilities"]] == ["vulnerabilities[2] (CVE-2)"]
    assert read(entry(expired_at="2026-11-24")).for_trivy() == ""


def test_what_trivy_refuses_is_named_by_its_place_in_the_file() -> None:
    text = entry(expired_at="2026-11-24") + entry(id="CVE-2", paths="['[']").partition("\n")[2]
    found = json.dumps(
        [{"section": "vulnerabilities", "number": 1, "message": "FATAL\tinvalid path pattern"}]
    )
    with raises("trivyignore.refused") as caught:
        exceptions.refused(found, read(text))
    assert "vulnerabilities[2] (CVE-2): Trivy refuses it: invalid path pattern" in caught.value.what
    exceptions.refused("[]", read(text))


def test_purls_in_a_section_where_trivy_passes_over_them_are_a_mistake() -> None:
    with raises("trivyignore.purls-without-effect", match=r"secrets\[1\]"):
        read(entry("secrets", id="private-key", purls="['pkg:pypi/x']"))


@pytest.mark.parametrize(
    ("code", "fields", "place", "said"),
    [
        ("trivyignore.field-missing", {"id": ""}, "vulnerabilities[1], id", "missing"),
        ("trivyignore.not-text", {"id": "42"}, "vulnerabilities[1], id", "found 42"),
        (
            "trivyignore.field-missing",
            {"statement": ""},
            "vulnerabilities[1] (CVE-2023-43804), statement",
            "missing",
        ),
        (
            "trivyignore.not-text",
            {"statement": "'  '"},
            "vulnerabilities[1] (CVE-2023-43804), statement",
            "found '  '",
        ),
        (
            "trivyignore.day-missing",
            {"expired_at": ""},
            "vulnerabilities[1] (CVE-2023-43804), expired_at",
            "missing",
        ),
        (
            "trivyignore.not-a-day",
            {"expired_at": "soon"},
            "vulnerabilities[1] (CVE-2023-43804), expired_at",
            "'soon' is not a day",
        ),
        (
            "trivyignore.not-a-day",
            {"expired_at": "20270131"},
            "vulnerabilities[1] (CVE-2023-43804), expired_at",
            "20270131 is not a day",
        ),
        (
            "trivyignore.day-too-late",
            {"expired_at": "2027-02-24"},
            "vulnerabilities[1] (CVE-2023-43804), expired_at",
            "91 days ahead",
        ),
        (
            "trivyignore.day-too-late",
            {"expired_at": "2999-01-01T00:00:00Z"},
            "vulnerabilities[1] (CVE-2023-43804), expired_at",
            "days ahead",
        ),
        (
            "trivyignore.unknown-field",
            {"reason": "x"},
            "vulnerabilities[1] (CVE-2023-43804), reason",
            "there is no such field",
        ),
        (
            "trivyignore.not-a-list",
            {"paths": "opt/**"},
            "vulnerabilities[1] (CVE-2023-43804), paths",
            "found 'opt/**'",
        ),
    ],
)
def test_each_mistake_names_file_entry_and_field(
    code: str, fields: dict[str, str], place: str, said: str
) -> None:
    with raises(code) as caught:
        read(entry(**fields))
    assert caught.value.what.startswith(f".trivyignore.yaml: {place}: ")
    assert said in caught.value.what
    assert caught.value.hint


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        ("trivyignore.not-yaml", "vulnerabilities: [", "not YAML"),
        ("trivyignore.not-sections", "- id: CVE-1", "found a list"),
        ("trivyignore.not-sections", "CVE-2023-43804", "found a str"),
        ("trivyignore.unknown-section", "vulns: []", "vulns: there is no such section"),
        ("trivyignore.section-not-a-list", "secrets: key", "secrets: not a list"),
        ("trivyignore.entry-not-a-table", "secrets: [key]", "secrets[1]: found 'key'"),
    ],
)
def test_what_is_no_exceptions_file(code: str, text: str, said: str) -> None:
    with raises(code, match=r"^\.trivyignore\.yaml") as caught:
        read(text)
    assert said in caught.value.what


def test_ninety_days_are_allowed_and_a_day_may_be_a_time() -> None:
    assert read(entry(expired_at="2027-02-23")).entries[0].until == date(2027, 2, 23)
    assert read(entry(expired_at="2027-02-23T10:00:00Z")).entries[0].until == date(2027, 2, 23)
    assert read(entry(expired_at="'2027-02-23'")).entries[0].until == date(2027, 2, 23)


def test_all_mistakes_are_in_one_error() -> None:
    text = entry(statement="") + "secrets:\n  - id: private-key\n    expired_at: 2026-12-01\n"
    with raises("trivyignore.several-wrong") as caught:
        read(text)
    assert "2 entries are wrong" in caught.value.what
    assert "vulnerabilities[1] (CVE-2023-43804), statement" in caught.value.details
    assert "secrets[1] (private-key), statement" in caught.value.details


def test_the_same_entry_twice_is_a_mistake_and_other_paths_are_not() -> None:
    twice = entry() + entry().partition("\n")[2]
    with raises("trivyignore.entry-repeated", match=r"the same as vulnerabilities\[1\]"):
        read(twice)
    narrowed = entry(paths="[a]") + entry(paths="[b]").partition("\n")[2]
    assert len(read(narrowed).entries) == 2


def test_the_last_day_counts_and_then_it_is_over() -> None:
    assert read(entry(expired_at="2026-11-25")).live
    over = read(entry(expired_at="2026-11-24"))
    assert over.live == ()
    (said,) = over.expired()
    assert "ended on 2026-11-24 (not reachable)" in said


@pytest.mark.parametrize(("day", "warned"), [("2026-12-09", True), ("2026-12-10", False)])
def test_fourteen_days_before_its_end_there_is_a_warning(day: str, warned: bool) -> None:  # noqa: FBT001 - as above
    assert bool(list(read(entry(expired_at=day)).ending())) is warned
