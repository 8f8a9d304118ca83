from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from ci.scan import exceptions, gate, history
from ci.scan.database import Database
from ci.scan.findings import SEVERITIES, Scan
from tests.raised import raises
from tests.unit.scan.reports import debian_result, python_result, scan, secret, vulnerability

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
    return [each.word for each in verdict.subjects["service-1"]]


@pytest.mark.parametrize("severity", SEVERITIES)
def test_critical_and_high_fail_by_default(severity: str) -> None:
    verdict = judge(scan(python_result(vulnerability(Severity=severity))))
    assert bool(verdict.reds) is (severity in ("CRITICAL", "HIGH"))


def test_the_severities_that_fail_can_be_chosen() -> None:
    chosen = gate.rules(["low", " UNKNOWN"], ignore_unfixed=False, database_days=3, complete=True)
    assert chosen.severities == {"LOW", "UNKNOWN"}
    found = scan(python_result(vulnerability(), vulnerability("CVE-2", Severity="LOW")))
    assert words(judge(found, rules=chosen)) == ["fails", "passes"]


def test_what_has_no_fix_fails_unless_ignored() -> None:
    found = scan(python_result(vulnerability(FixedVersion="")))
    assert judge(found).reds == ["service-1"]
    ignored = gate.rules([], ignore_unfixed=True, database_days=3, complete=True)
    assert judge(found, rules=ignored).reds == []


def test_ignoring_the_unfixed_does_not_ignore_secrets() -> None:
    ignored = gate.rules([], ignore_unfixed=True, database_days=3, complete=True)
    assert judge(scan(python_result(), secret()), rules=ignored).reds == ["service-1"]


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


def test_an_exemption_lets_pass_and_is_named() -> None:
    verdict = judge(scan(python_result(vulnerability())), entries=ENTRY % "2027-01-31")
    assert verdict.reds == []
    (judged,) = verdict.subjects["service-1"]
    assert judged.word == "exempt"
    assert judged.by
    assert judged.by.reason == "not reachable"
    assert verdict.warnings == ()


def test_an_expired_exemption_is_red_even_when_nothing_needs_it() -> None:
    verdict = judge(scan(python_result(vulnerability())), entries=ENTRY % "2026-11-24")
    assert verdict.reds == ["service-1", ".trivyignore.yaml"]
    assert judge(scan(python_result()), entries=ENTRY % "2026-11-24").reds == [".trivyignore.yaml"]


def test_an_exemption_that_ends_soon_is_a_warning() -> None:
    verdict = judge(scan(python_result(vulnerability())), entries=ENTRY % "2026-12-01")
    assert verdict.reds == []
    assert "ends in 6 days, on 2026-12-01" in verdict.warnings[0]


def test_an_unused_exemption_is_a_warning_once_everything_was_scanned() -> None:
    verdict = judge(scan(python_result()), entries=ENTRY % "2027-01-31")
    assert verdict.reds == []
    assert "covers no finding" in verdict.warnings[0]
    part = gate.rules([], ignore_unfixed=False, database_days=3, complete=False)
    assert judge(scan(python_result()), entries=ENTRY % "2027-01-31", rules=part).warnings == ()


def test_unrated_vulnerabilities_are_a_warning() -> None:
    verdict = judge(scan(python_result(*(vulnerability(f"CVE-{n}", Severity="") for n in range(5)))))
    assert verdict.reds == []
    assert verdict.warnings == (
        "service-1: nobody has rated 5 of its vulnerabilities yet: CVE-0, CVE-1, CVE-2, …",
    )


def test_what_a_vex_statement_takes_out_is_told() -> None:
    finding = {"VulnerabilityID": "CVE-1"}
    modified = {"Type": "vulnerability", "Status": "not_affected", "Finding": finding}
    verdict = judge(scan({**python_result(), "ExperimentalModifiedFindings": [modified]}))
    assert verdict.reds == []
    assert verdict.warnings == ("service-1: a VEX statement takes out CVE-1 (not_affected)",)


def test_only_refused_licenses_fail_whatever_their_severity() -> None:
    trivys = {
        "Target": "web/package-lock.json",
        "Class": "license",
        "Licenses": [{"Name": "GPL-3.0-only", "Severity": "HIGH", "PkgName": "left-pad"}],
    }
    found = scan(python_result(), trivys)
    assert judge(found).reds == []
    assert judge(found, rules=gate.Rules(frozenset(), refused=("GPL-3.0",))).reds == ["service-1"]
    verdict = judge(found, rules=gate.Rules(frozenset(), refused=("MIT",)))
    assert [(each.finding.id, each.word) for each in verdict.subjects["service-1"]] == [
        ("MIT", "fails"),
        ("GPL-3.0-only", "passes"),
    ]


def test_an_exemption_lets_a_refused_license_pass() -> None:
    entry = "licenses:\n- {id: MIT, statement: asked, expired_at: 2027-01-31, purls: ['pkg:pypi/%s']}\n"
    refusing = gate.Rules(refused=("MIT",))
    found = scan(python_result())
    assert judge(found, rules=refusing, entries=entry % "urllib3").reds == []
    assert judge(found, rules=refusing, entries=entry % "certifi").reds == ["service-1"]


def test_a_lock_names_no_licenses_which_means_nothing() -> None:
    bare = python_result()
    del bare["Packages"][0]["Licenses"]
    refusing = gate.Rules(refused=("unknown",))
    assert judge(scan(bare), rules=refusing).reds == ["service-1"]
    exemptions = exceptions.read("", TODAY)
    assert gate.judge({gate.SOURCE: scan(bare)}, refusing, exemptions, DATABASE).reds == []


def test_an_exemption_by_path_covers_a_secret_in_the_source_and_in_its_history() -> None:
    found = secret("deploy/key.pem")
    scans = {gate.SOURCE: scan(found), history.SUBJECT: scan(found)}
    verdict = gate.judge(scans, RULES, exceptions.read("", TODAY), DATABASE)
    assert verdict.reds == [gate.SOURCE, history.SUBJECT]
    text = "secrets: [{id: private-key, statement: rotated, expired_at: 2027-01-31, paths: [deploy/*]}]"
    assert gate.judge(scans, RULES, exceptions.read(text, TODAY), DATABASE).reds == []


def test_an_end_of_life_distribution_is_red_without_a_finding() -> None:
    verdict = judge(scan(debian_result(), EOSL=True))
    assert verdict.reds == ["service-1"]
    assert "debian 13.8 is past its end of life" in verdict.errors["service-1"][0]


def test_an_image_in_which_nothing_was_recognised_is_red() -> None:
    assert (
        "no package"
        in judge(Scan((), {}, (), ("", ""), end_of_life=False, scanner="")).errors["service-1"][0]
    )


def test_a_source_without_packages_is_not() -> None:
    empty = Scan((), {}, (), ("", ""), end_of_life=False, scanner="")
    assert gate.judge({gate.SOURCE: empty}, RULES, exceptions.read("", TODAY), DATABASE).reds == []


def test_a_comment_that_lets_findings_pass_is_red() -> None:
    scanned = replace(scan(python_result()), inline=("services/a/Dockerfile:3",))
    verdict = judge(scanned)
    assert verdict.reds == ["service-1"]
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
    assert judge(scan(debian_result(), python_result())).reds == []
    verdict = judge(scan(debian_result(), python_result()), database=database)
    assert said in verdict.errors["service-1"][0]


def test_a_distribution_whose_buckets_are_not_known_is_not_judged() -> None:
    other = {**debian_result(), "Type": "photon"}
    assert judge(scan(other, Family="photon", Name="5.0")).reds == []


def test_defaults() -> None:
    assert gate.Rules(frozenset({"CRITICAL", "HIGH"}), False, timedelta(days=3), True) == RULES  # noqa: FBT003 - in their order
