from __future__ import annotations

import json

import pytest

from ci.scan import findings, parse
from tests.raised import raises
from tests.unit.scan.reports import (
    debian_result,
    excepted,
    python_result,
    report,
    scan,
    secret,
    vulnerability,
)


def test_a_vulnerability_has_package_version_fix_and_place() -> None:
    (found,) = scan(python_result(vulnerability())).findings
    assert (found.kind, found.id, found.severity) == ("vulnerability", "CVE-2023-43804", "HIGH")
    assert (found.package, found.version, found.fixed) == ("urllib3", "1.26.16", "1.26.17, 2.0.6")
    assert found.place == "opt/app/urllib3-1.26.16.dist-info/METADATA"
    assert found.fixable


@pytest.mark.parametrize("severity", [None, "", "UNKNOWN"])
def test_a_vulnerability_without_severity_is_unknown(severity: str | None) -> None:
    (found,) = scan(python_result(vulnerability(Severity=severity))).findings
    assert found.severity == "UNKNOWN"
    item = vulnerability()
    del item["Severity"]
    assert scan(python_result(item)).findings[0].severity == "UNKNOWN"


def test_a_severity_that_does_not_exist_is_an_error() -> None:
    with raises("scan.report-wrong-fields", match="severity SEVERE"):
        scan(python_result(vulnerability(Severity="Severe")))


def test_packages_of_a_distribution_are_placed_by_family_not_by_path_and_release() -> None:
    item = vulnerability(PkgPath="", FixedVersion="")
    (found,) = scan(debian_result(item)).findings
    assert found.place == "debian"
    assert not found.fixable


def test_secrets_misconfigurations_and_licenses_are_findings() -> None:
    dockerfile = {
        "Target": "Dockerfile",
        "Class": "config",
        "Type": "dockerfile",
        "Misconfigurations": [
            {"ID": "DS-0002", "Status": "FAIL", "Severity": "HIGH", "CauseMetadata": {"StartLine": 3}},
            {"ID": "DS-0001", "Status": "PASS", "Severity": "LOW"},
        ],
    }
    licenses = {
        "Target": "node_modules",
        "Class": "license",
        "Licenses": [
            {"Name": "GPL-3.0", "Severity": "HIGH", "Category": "restricted", "PkgName": "left-pad"}
        ],
    }
    found = scan(dockerfile, secret(), licenses).findings
    assert [(each.kind, each.id, each.place, each.line) for each in found] == [
        ("misconfiguration", "DS-0002", "Dockerfile", 3),
        ("secret", "private-key", "/app/service.key", 2),
        ("license", "GPL-3.0", "node_modules", 0),
    ]
    assert all(each.fixable for each in found)


def test_what_was_looked_at_is_counted() -> None:
    scanned = scan(debian_result(), python_result(), EOSL=True)
    assert scanned.packages == {"debian": 1, "python-pkg": 1}
    assert scanned.distribution == ("debian", "13.8")
    assert scanned.end_of_life
    assert scanned.scanner == "0.74.0"
    assert scanned.licenses == {"MIT": ("urllib3 1.26.16",)}


@pytest.mark.parametrize(
    "version", ["1.0", "2!1.2rc1.post3.dev4+local.1", "v1.0-1", "2024.8.30", "1.0.0-beta.2"]
)
def test_versions_of_pep_440_are_readable(version: str) -> None:
    assert scan(python_result(version=version)).incomparable == ()


@pytest.mark.parametrize("version", ["", "main", "1.0-abcdef", "1.0.x", "$VERSION"])
def test_versions_that_trivy_passes_over_are_told(version: str) -> None:
    assert scan(python_result(version=version)).incomparable == (f"urllib3 {version!r}",)


def test_a_report_without_results_or_metadata_is_read() -> None:
    scanned = parse.read('{"SchemaVersion": 2}', 0, where="gateway")
    assert scanned == findings.Scan((), {}, (), ("", ""), end_of_life=False, scanner="")


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        ("scan.report-not-json", "", "it is not JSON"),
        (
            "scan.report-not-json",
            "2026-11-25T10:00:00Z\tFATAL\tFatal error",
            "starts with '2026-11-25T10:00:00Z",
        ),
        ("scan.report-not-json", '{"SchemaVersion": 2, "Results": [', "it is not JSON"),
        ("scan.report-not-an-object", "[]", "a JSON list"),
        ("scan.report-not-an-object", "null", "a JSON NoneType"),
        ("scan.report-wrong-schema", '{"SchemaVersion": 3}', "SchemaVersion 3, wanted 2"),
        ("scan.report-wrong-schema", '{"error": "no such image"}', "SchemaVersion null"),
        ("scan.report-wrong-fields", '{"SchemaVersion": 2, "Results": {"a": 1}}', "AttributeError"),
        (
            "scan.report-wrong-fields",
            '{"SchemaVersion": 2, "Results": [{"Vulnerabilities": []}]}',
            "KeyError: 'Target'",
        ),
        (
            "scan.report-wrong-fields",
            '{"SchemaVersion": 2, "Results": [{"Target": "", "Vulnerabilities": [{}]}]}',
            "KeyError",
        ),
    ],
)
def test_what_is_no_report_is_one_error_that_names_the_image(code: str, text: str, said: str) -> None:
    with raises(code) as caught:
        parse.read(text, 0, where="gateway")
    assert caught.value.what.startswith("gateway: Trivy's report cannot be used: ")
    assert said in caught.value.what
    assert caught.value.hint


@pytest.mark.parametrize("code", [1, 2, 3, 137])
def test_a_crash_is_neither_clean_nor_findings(code: int) -> None:
    with raises("scan.report-of-failed-run", match=f"exit code {code}"):
        parse.read(report(), code, where="gateway")


def test_exit_code_and_report_must_agree() -> None:
    with raises(
        "scan.report-contradicts-exit-code", match="says that it found something, its report has 0 findings"
    ):
        parse.read(report(python_result()), parse.FOUND, where="gateway")
    with raises(
        "scan.report-contradicts-exit-code", match="says that it found nothing, its report has 1 findings"
    ):
        parse.read(report(python_result(vulnerability())), 0, where="gateway")


def test_the_same_finding_is_recognised_after_an_upgrade_that_did_not_help() -> None:
    before = scan(python_result(vulnerability())).findings[0]
    upgraded = vulnerability(InstalledVersion="1.26.17", PkgPath="opt/app/urllib3-1.26.17.dist-info/METADATA")
    assert scan(python_result(upgraded)).findings[0].key == before.key
    assert before.to_json()["id"] == json.loads(json.dumps(before.to_json()))["id"]


def test_the_exit_code_of_a_scan_before_its_exceptions_counts_what_they_let_through() -> None:
    text = report({**python_result(), **excepted("vulnerability", "x", vulnerability())})
    assert parse.read(text, 0, where="(history)").findings[0].excepted_by == "x"
    assert parse.read(text, parse.FOUND, where="(history)", excepted=False).findings[0].excepted_by == "x"
    with raises("scan.report-contradicts-exit-code"):
        parse.read(text, 0, where="(history)", excepted=False)
