from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from ci.scan import exceptions, gaps, gate, history
from ci.scan.database import Database
from ci.scan.findings import SEVERITIES, Scan
from tests.raised import raises
from tests.unit.scan.reports import debian_result, excepted, python_result, scan, secret, vulnerability

TODAY = date(2026, 11, 25)
BUCKETS = frozenset({"data-source", "vulnerability", "debian 13", "pip::GitHub Security Advisory pip"})
DATABASE = Database(datetime(2026, 11, 25, tzinfo=UTC), "sha256:1", "mirror", "", BUCKETS)
RULES = gate.Rules()


def judge(
    *scans: Scan, rules: gate.Rules = RULES, entries: str = "", database: Database = DATABASE
) -> gate.Verdict:
    exemptions = exceptions.read(entries, TODAY)
    named = {f"service-{number}": each for number, each in enumerate(scans, 1)}
    return gate.judge(named, rules, exemptions, database)


def words(verdict: gate.Verdict) -> list[str]:
    return [each.status for each in verdict.subjects["service-1"]]


@pytest.mark.parametrize("severity", SEVERITIES)
def test_critical_and_high_fail_by_default(severity: str) -> None:
    verdict = judge(scan(python_result(vulnerability(Severity=severity))))
    assert bool(verdict.failures) is (severity in ("CRITICAL", "HIGH"))


def test_the_severities_that_fail_can_be_chosen() -> None:
    chosen = gate.rules(["low", " UNKNOWN"], ignore_unfixed=False, database_days=3, complete=True)
    assert chosen.severities == {"LOW", "UNKNOWN"}
    found = scan(python_result(vulnerability(), vulnerability("CVE-2", Severity="LOW")))
    assert words(judge(found, rules=chosen)) == ["fails", "passes"]


def test_what_has_no_fix_fails_unless_ignored() -> None:
    found = scan(python_result(vulnerability(FixedVersion="")))
    assert judge(found).failures == ["service-1"]
    ignored = gate.rules([], ignore_unfixed=True, database_days=3, complete=True)
    assert judge(found, rules=ignored).failures == []


def test_ignoring_the_unfixed_does_not_ignore_secrets() -> None:
    ignored = gate.rules([], ignore_unfixed=True, database_days=3, complete=True)
    assert judge(scan(python_result(), secret()), rules=ignored).failures == ["service-1"]


@pytest.mark.parametrize(
    ("code", "severity", "days", "said"),
    [
        ("scan.unknown-severity", ["SEVERE"], 3, "'SEVERE'"),
        ("scan.database-days-too-few", [], 0, "--database-days 0"),
    ],
)
def test_wrong_rules_are_one_error(code: str, severity: list[str], days: int, said: str) -> None:
    with raises(code, match=said):
        gate.rules(severity, ignore_unfixed=False, database_days=days, complete=True)


def test_the_heaviest_comes_first() -> None:
    found = scan(
        python_result(
            vulnerability("CVE-1", Severity="LOW"),
            vulnerability("CVE-2", Severity="HIGH"),
            vulnerability("CVE-3", Severity="CRITICAL"),
        )
    )
    assert [each.finding.id for each in judge(found).subjects["service-1"]] == ["CVE-3", "CVE-2", "CVE-1"]


ENTRY = "vulnerabilities:\n- {id: CVE-2023-43804, statement: not reachable, expired_at: %s}\n"
APPLIED = {
    **python_result(),
    **excepted("vulnerability", "vulnerabilities[1] (CVE-2023-43804)", vulnerability()),
}


def test_an_exemption_lets_pass_and_is_named() -> None:
    verdict = judge(scan(APPLIED), entries=ENTRY % "2027-01-31")
    assert verdict.failures == []
    (judged,) = verdict.subjects["service-1"]
    assert judged.status == "exempt"
    assert judged.by
    assert judged.by.reason == "not reachable"
    assert verdict.warnings == ()


def test_an_expired_exemption_is_red_even_when_nothing_needs_it() -> None:
    verdict = judge(scan(python_result(vulnerability())), entries=ENTRY % "2026-11-24")
    assert verdict.failures == ["service-1", ".trivyignore.yaml"]
    assert judge(scan(python_result()), entries=ENTRY % "2026-11-24").failures == [".trivyignore.yaml"]


def test_an_exemption_that_ends_soon_is_a_warning() -> None:
    verdict = judge(scan(APPLIED), entries=ENTRY % "2026-12-01")
    assert verdict.failures == []
    assert "ends in 6 days, on 2026-12-01" in verdict.warnings[0]


def test_an_unused_exemption_is_a_warning_once_everything_was_scanned() -> None:
    verdict = judge(scan(python_result()), entries=ENTRY % "2027-01-31")
    assert verdict.failures == []
    assert "covers no finding" in verdict.warnings[0]
    part = gate.rules([], ignore_unfixed=False, database_days=3, complete=False)
    assert judge(scan(python_result()), entries=ENTRY % "2027-01-31", rules=part).warnings == ()


def test_unrated_vulnerabilities_are_a_warning() -> None:
    verdict = judge(scan(python_result(*(vulnerability(f"CVE-{n}", Severity="") for n in range(5)))))
    assert verdict.failures == []
    assert verdict.warnings == (
        "service-1: nobody has rated 5 of its vulnerabilities yet: CVE-0, CVE-1, CVE-2, …",
    )


def test_what_a_vex_statement_takes_out_is_told() -> None:
    finding = {"VulnerabilityID": "CVE-1"}
    modified = {"Type": "vulnerability", "Status": "not_affected", "Finding": finding}
    verdict = judge(scan({**python_result(), "ExperimentalModifiedFindings": [modified]}))
    assert verdict.failures == []
    assert verdict.warnings == ("service-1: a VEX statement takes out CVE-1 (not_affected)",)


def test_only_denied_licenses_fail_whatever_their_severity() -> None:
    trivys = {
        "Target": "web/package-lock.json",
        "Class": "license",
        "Licenses": [{"Name": "GPL-3.0-only", "Severity": "HIGH", "PkgName": "left-pad"}],
    }
    found = scan(python_result(), trivys)
    assert judge(found).failures == []
    assert judge(found, rules=gate.Rules(frozenset(), denied=("GPL-3.0",))).failures == ["service-1"]
    verdict = judge(found, rules=gate.Rules(frozenset(), denied=("MIT",)))
    assert [(each.finding.id, each.status) for each in verdict.subjects["service-1"]] == [
        ("MIT", "fails"),
        ("GPL-3.0-only", "passes"),
    ]


def test_an_exemption_lets_a_denied_license_pass() -> None:
    text = "licenses:\n- {id: MIT, statement: agreed, expired_at: 2027-01-31}\n"
    denying = gate.Rules(denied=("MIT",))
    place = "opt/app/urllib3-1.26.16.dist-info/METADATA"
    item = {"Name": "MIT", "PkgName": "urllib3", "FilePath": place}
    applied = {"Target": "licenses", "Class": "license", **excepted("license", "licenses[1] (MIT)", item)}
    verdict = judge(scan(python_result(), applied), rules=denying, entries=text)
    assert (verdict.failures, verdict.warnings) == ([], ())
    other = {**applied, **excepted("license", "licenses[1] (MIT)", {**item, "FilePath": "other"})}
    assert judge(scan(python_result(), other), rules=denying, entries=text).failures == ["service-1"]


def test_a_lock_names_no_licenses_which_means_nothing() -> None:
    bare = python_result()
    del bare["Packages"][0]["Licenses"]
    denying = gate.Rules(denied=("unknown",))
    assert judge(scan(bare), rules=denying).failures == ["service-1"]
    exemptions = exceptions.read("", TODAY)
    assert gate.judge({gate.SOURCE: scan(bare)}, denying, exemptions, DATABASE).failures == []


def test_an_exempt_secret_passes_in_the_source_and_in_its_history() -> None:
    found = secret("deploy/key.pem")
    text = "secrets: [{id: private-key, statement: rotated, expired_at: 2027-01-31, paths: [deploy/*]}]"
    exemptions = exceptions.read(text, TODAY)
    scans = {gate.SOURCE: scan(found), history.SUBJECT: scan(found)}
    assert gate.judge(scans, RULES, exemptions, DATABASE).failures == [gate.SOURCE, history.SUBJECT]
    applied = {**found, "Secrets": [], **excepted("secret", "secrets[1] (private-key)", *found["Secrets"])}
    scans = {gate.SOURCE: scan(applied), history.SUBJECT: scan(applied)}
    assert gate.judge(scans, RULES, exemptions, DATABASE).failures == []


def test_an_end_of_life_distribution_is_red_without_a_finding() -> None:
    verdict = judge(scan(debian_result(), EOSL=True))
    assert verdict.failures == ["service-1"]
    assert "debian 13.8 is past its end of life" in verdict.errors["service-1"][0]


def test_an_image_in_which_nothing_was_recognised_is_red() -> None:
    assert "no package" in judge(Scan((), {})).errors["service-1"][0]


def test_a_source_without_packages_is_not() -> None:
    empty = Scan((), {})
    assert gate.judge({gate.SOURCE: empty}, RULES, exceptions.read("", TODAY), DATABASE).failures == []


def test_a_comment_that_lets_findings_pass_is_red() -> None:
    scanned = replace(scan(python_result()), inline=("services/a/Dockerfile:3",))
    verdict = judge(scanned)
    assert verdict.failures == ["service-1"]
    (said,) = verdict.errors["service-1"]
    assert said.startswith("services/a/Dockerfile:3 lets findings pass")
    assert ".trivyignore.yaml" in said


def test_a_version_that_trivy_passes_over_is_red() -> None:
    verdict = judge(scan(python_result(version="main")))
    assert "urllib3 'main'" in verdict.errors["service-1"][0]


@pytest.mark.parametrize(
    ("buckets", "said"),
    [
        (BUCKETS - {"debian 13"}, "1 packages of debian 13"),
        (BUCKETS - {"debian 13"} | {"debian 12"}, "1 packages of debian 13"),
        (BUCKETS - {"pip::GitHub Security Advisory pip"}, "packages of pip"),
    ],
)
def test_what_the_database_knows_nothing_of_is_red(buckets: frozenset[str], said: str) -> None:
    database = Database(DATABASE.updated_at, "", "", "", buckets)
    assert judge(scan(debian_result(), python_result())).failures == []
    verdict = judge(scan(debian_result(), python_result()), database=database)
    assert said in verdict.errors["service-1"][0]


def test_a_distribution_that_the_database_does_not_have_is_red_whatever_it_is() -> None:
    other = {**debian_result(), "Type": "photon"}
    verdict = judge(scan(other, Family="photon", Name="5.0"))
    assert "no data on 1 packages of Photon OS 5.0" in verdict.errors["service-1"][0]


@pytest.mark.parametrize("kind", ["gemspec", "dotnet-core", "hex", "conda-pkg", "swift", "jar"])
def test_a_lock_of_an_ecosystem_without_data_is_red(kind: str) -> None:
    assert judge(scan({**python_result(), "Type": kind})).failures == ["service-1"]


@pytest.mark.parametrize("accepted", ["ecosystem", "ecosystem:maven"])
def test_an_accepted_gap_is_a_warning(accepted: str) -> None:
    found = scan({**python_result(), "Type": "jar"})
    verdict = judge(found, rules=gate.Rules(accepted_gaps=(accepted,)))
    assert verdict.failures == []
    (warning,) = verdict.warnings
    assert "no data on packages of maven" in warning
    assert judge(found, rules=gate.Rules(accepted_gaps=("ecosystem:npm",))).failures == ["service-1"]


def test_an_archive_without_a_java_database_is_red_and_one_that_it_does_not_know_is_a_warning() -> None:
    without = replace(scan(python_result()), without_java=("opt/bridge.jar",))
    assert "opt/bridge.jar: there is no Java database" in judge(without).errors["service-1"][0]
    unknown = judge(replace(scan(python_result()), unread=("opt/bridge.jar",)))
    assert unknown.failures == []
    assert "opt/bridge.jar: Trivy read no package of it" in unknown.warnings[0]


def test_a_gap_of_no_kind_is_one_error() -> None:
    assert gaps.check(["file", "ecosystem:maven"], where="x") == ("file", "ecosystem:maven")
    with raises("scan.unknown-gap", match="'ecosytem'") as caught:
        gaps.check(["ecosytem"], where="pyproject.toml: tool.ci.accepted-gaps")
    assert "did you mean 'ecosystem'?" in caught.value.hint


def test_defaults() -> None:
    assert gate.Rules(frozenset({"CRITICAL", "HIGH"}), False, timedelta(days=3), True) == RULES  # noqa: FBT003 - in their order
