from __future__ import annotations

from datetime import date

import pytest

from ci.scan import exceptions
from ci.scan.findings import Finding
from tests.raised import raises

TODAY = date(2026, 11, 25)
URLLIB3 = Finding(
    kind="vulnerability",
    id="CVE-2023-43804",
    severity="HIGH",
    title="",
    place="opt/app/urllib3-1.26.16.dist-info/METADATA",
    package="urllib3",
    purl="pkg:pypi/urllib3@1.26.16",
)
SECRET = Finding(kind="secret", id="private-key", severity="HIGH", title="", place="services/a/key.pem")


def entry(section: str = "vulnerabilities", **fields: str) -> str:
    values = {"id": "CVE-2023-43804", "statement": "not reachable", "expired_at": "2027-01-31", **fields}
    lines = [f"{name}: {value}" for name, value in values.items() if value]
    return f"{section}:\n  - " + "\n    ".join(lines) + "\n"


def read(text: str) -> exceptions.Exemptions:
    return exceptions.read(text, TODAY)


def test_no_file_and_an_empty_one_have_no_exemptions() -> None:
    assert read("").entries == read("# none\n").entries == read("vulnerabilities:\n").entries == ()


def test_an_entry_covers_its_id_only() -> None:
    (found,) = read(entry()).entries
    assert found.covers(URLLIB3)
    assert not found.covers(Finding("vulnerability", "CVE-2023-45803", "LOW", "", "x"))
    assert not found.covers(Finding("secret", "CVE-2023-43804", "LOW", "", "x"))
    assert (found.entry, found.reason) == ("vulnerabilities[1] (CVE-2023-43804)", "not reachable")


@pytest.mark.parametrize(
    ("glob", "covered"),
    [
        ("opt/**", True),
        ("**/METADATA", True),
        ("opt/app/*/METADATA", True),
        ("opt/*/METADATA", False),
        ("METADATA", False),
        ("opt/app/urllib3-1.26.1?.dist-info/METADATA", True),
        ("opt/app/urllib3-1x26.16.dist-info/METADATA", False),
    ],
)
def test_paths_are_globs_of_the_whole_path(glob: str, covered: bool) -> None:  # noqa: FBT001 - a table's column
    (found,) = read(entry(paths=f"['{glob}']")).entries
    assert found.covers(URLLIB3) is covered


@pytest.mark.parametrize(
    ("purl", "covered"),
    [
        ("pkg:pypi/urllib3", True),
        ("pkg:pypi/urllib3@1.26.16", True),
        ("pkg:pypi/urllib3@1.26.15", False),
        ("pkg:pypi/urllib", False),
        ("pkg:npm/urllib3", False),
        ("pkg:pypi/urllib3?arch=amd64", False),
    ],
)
def test_purls_name_packages_with_or_without_version(purl: str, covered: bool) -> None:  # noqa: FBT001 - as above
    (found,) = read(entry(purls=f"['{purl}']")).entries
    assert found.covers(URLLIB3) is covered


def test_qualifiers_of_a_purl_must_all_be_there() -> None:
    (found,) = read(entry(purls="['pkg:deb/debian/tar?distro=debian-13.8']")).entries
    purl = "pkg:deb/debian/tar@1.35?arch=amd64&distro=debian-13.8"
    assert found.covers(Finding("vulnerability", URLLIB3.id, "LOW", "", "debian", "tar", purl=purl))


def test_purls_do_not_narrow_what_has_none() -> None:
    (found,) = read(entry("secrets", id="private-key", purls="['pkg:pypi/x']")).entries
    assert found.covers(SECRET)


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
            "'soon' is no day",
        ),
        (
            "trivyignore.not-a-day",
            {"expired_at": "20270131"},
            "vulnerabilities[1] (CVE-2023-43804), expired_at",
            "20270131 is no day",
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
        (
            "trivyignore.purl-invalid",
            {"purls": "[urllib3]"},
            "vulnerabilities[1] (CVE-2023-43804), purls",
            "'urllib3' is no package URL",
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
