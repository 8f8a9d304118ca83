from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from ci.scan import baseline, exceptions, gate, history, parse
from ci.scan.database import Database
from ci.scan.report import Report
from ci.scan.upgrades import Base
from tests.raised import raises
from tests.unit.scan.reports import (
    debian_result,
    excepted,
    python_result,
    scan,
    secret,
    vulnerability,
)
from tests.unit.scan.reports import report as report_text

if TYPE_CHECKING:
    from ci.scan.findings import Scan

BUCKETS = frozenset({"data-source", "vulnerability", "debian 13", "pip::x"})
DATABASE = Database(datetime(2026, 11, 25, 6, tzinfo=UTC), "sha256:1", "mirror.example/db:2", "", BUCKETS)
RULES = gate.Rules()


def make(base: baseline.Baseline | None = None, entries: str = "", note: str = "", **scans: Scan) -> Report:
    database = Database(DATABASE.updated_at, DATABASE.digest, DATABASE.origin, note, BUCKETS)
    exemptions = exceptions.read(entries, date(2026, 11, 25))
    verdict = gate.judge(scans, RULES, exemptions, database)
    digests = {"gateway": "sha256:2"}
    return Report(verdict, RULES, database, "0.74.0", digests, base, exemptions=exemptions)


VULNERABLE = scan(
    debian_result(vulnerability("CVE-2005-2541", PkgName="tar", PkgPath="", FixedVersion="", Severity="LOW")),
    python_result(vulnerability(), vulnerability("CVE-2", Severity="UNKNOWN", Title="a | b")),
    secret(),
)
CLEAN = scan(debian_result(), python_result())


def test_one_table_for_all_images() -> None:
    lines = make(gateway=VULNERABLE, worker=CLEAN).text().splitlines()
    assert lines[0].split() == [
        *("service", "critical", "high", "medium", "low", "unknown", "fixable", "exempt", "gate")
    ]
    assert lines[1].split() == ["gateway", "0", "2", "0", "1", "1", "3", "0", "fails"]
    assert lines[2].split() == ["worker", "0", "0", "0", "0", "0", "0", "0", "passes"]


def test_a_red_gate_names_service_id_package_version_and_fix() -> None:
    error = make(gateway=VULNERABLE, worker=CLEAN).error()
    assert error
    assert error.what == "scan: the gate fails for gateway"
    assert "CVE-2023-43804" in error.details
    row = next(line for line in error.details.splitlines() if "CVE-2023-43804" in line)
    for cell in ("gateway", "HIGH", "urllib3", "1.26.16", "1.26.17, 2.0.6", "opt/app"):
        assert cell in row
    assert "/app/service.key:2" in error.details
    assert ".trivyignore.yaml" in error.hint


def test_a_green_gate_is_no_error_and_says_what_it_stands_on() -> None:
    report = make(worker=CLEAN, note="This vulnerability database is a fixture.")
    assert report.error() is None
    assert "Trivy 0.74.0; database of 2026-11-25 06:00 from mirror.example/db:2" in report.text()
    assert "note of the database: This vulnerability database is a fixture." in report.text()


def test_what_was_left_out_of_the_source_is_told() -> None:
    report = dataclasses.replace(make(worker=CLEAN), skipped=("vendor", "airgap"))
    assert "not scanned in the source: vendor, airgap" in report.text()


def test_settings_for_trivy_that_have_no_effect_are_told() -> None:
    report = dataclasses.replace(make(worker=CLEAN), not_read=("trivy.yaml",))
    assert "not read: trivy.yaml: what may pass, why and how long is in .trivyignore.yaml" in report.text()


def test_a_secret_of_the_history_is_named_with_its_commit_and_to_be_rotated() -> None:
    key = secret("deploy/key.pem")
    key["Secrets"][0].update(
        Commit="1f0c" * 10, Title="Asymmetric Private Key, introduced by commit 1f0c1f0c1f0c"
    )
    there = history.History(2, 1, shallow=False, missing=0, large=0, limit=history.LIMIT)
    scans = {"worker": CLEAN, history.SUBJECT: scan(key)}
    verdict = gate.judge(scans, RULES, exceptions.read("", date(2026, 11, 25)), DATABASE)
    report = dataclasses.replace(make(worker=CLEAN), verdict=verdict, history=there)
    error = report.error()
    assert error
    assert error.what == "scan: the gate fails for (history)"
    row = next(line for line in error.details.splitlines() if "deploy/key.pem:2" in line)
    assert "commit 1f0c1f0c1f0c" in row
    assert "rotate" in error.hint
    assert "history: 1 texts of 2 commits" in error.details
    (found,) = json.loads(report.json())["subjects"]["(history)"]["findings"]
    assert found["commit"] == "1f0c" * 10
    assert "rotate" not in str(make(gateway=VULNERABLE).error())


def test_a_denied_license_is_in_every_form_of_the_report() -> None:
    denying = gate.Rules(denied=("MIT",))
    verdict = gate.judge({"gateway": CLEAN}, denying, exceptions.read("", date(2026, 11, 25)), DATABASE)
    report = Report(verdict, denying, DATABASE, "0.74.0", {})
    error = report.error()
    assert error
    assert "replace a package whose license is denied" in error.hint
    for text in (report.text(), report.markdown()):
        assert "urllib3" in text
        assert "license denied by the setting denied-licenses: MIT" in text
        assert "licenses denied: MIT" in text
    data = json.loads(report.json())
    assert data["rules"]["denied_licenses"] == ["MIT"]
    assert data["subjects"]["gateway"]["findings"][0]["denied_by"] == "MIT"


def test_an_expired_exemption_alone_is_red() -> None:
    entries = "vulnerabilities:\n- {id: CVE-1, statement: x, expired_at: 2026-11-01}\n"
    error = make(worker=CLEAN, entries=entries).error()
    assert error
    assert "error: .trivyignore.yaml: vulnerabilities[1] (CVE-1), expired_at: it ended" in error.details


def test_unfixed_and_exempt_are_shown_as_such() -> None:
    unfixed = scan(python_result(vulnerability(FixedVersion="")))
    assert "no fix yet" in make(gateway=unfixed).text()
    entries = "vulnerabilities:\n- {id: CVE-2023-43804, statement: why, expired_at: 2027-01-01}\n"
    item = vulnerability(FixedVersion="")
    applied = excepted("vulnerability", "vulnerabilities[1] (CVE-2023-43804)", item)
    report = make(gateway=scan({**python_result(), **applied}), entries=entries)
    assert report.text().splitlines()[1].split()[-2:] == ["1", "passes"]
    data = json.loads(report.json())
    assert data["subjects"]["gateway"]["findings"][0]["exempt"] == {"until": "2027-01-01", "reason": "why"}


def test_json_has_each_exception_and_what_it_covers() -> None:
    given = {"CVE-2023-43804": "2027-01-01", "CVE-1": "2026-11-01", "CVE-2": "2026-12-01"}
    lines = [f"- {{id: {id_}, statement: why, expired_at: {day}}}" for id_, day in given.items()]
    applied = excepted("vulnerability", "vulnerabilities[1] (CVE-2023-43804)", vulnerability())
    entries = "\n".join(["vulnerabilities:", *lines])
    data = json.loads(make(gateway=scan({**python_result(), **applied}), entries=entries).json())
    found = [(each["id"], each["until"], each["status"], each["covers"]) for each in data["exceptions"]]
    assert found == [
        ("CVE-2023-43804", "2027-01-01", "used", 1),
        ("CVE-1", "2026-11-01", "expired", 0),
        ("CVE-2", "2026-12-01", "unused", 0),
    ]
    assert {(each["section"], each["reason"]) for each in data["exceptions"]} == {("vulnerabilities", "why")}


def test_new_since_the_base() -> None:
    first = make(gateway=VULNERABLE)
    base = baseline.read(first.json())
    more = scan(
        debian_result(),
        python_result(vulnerability(InstalledVersion="1.26.17", PkgPath="other"), vulnerability("CVE-3")),
    )
    report = make(base, gateway=more, worker=VULNERABLE)
    header, gateway, worker = (line.split() for line in report.text().splitlines()[:3])
    column = header.index("new")
    assert gateway[column] == "1"
    assert worker[column] == "4"
    found = json.loads(report.json())["subjects"]["gateway"]["findings"]
    assert {each["id"]: each["new"] for each in found} == {"CVE-2023-43804": False, "CVE-3": True}


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        ("scan.base-invalid", "", "JSONDecodeError"),
        ("scan.base-invalid", "[]", "TypeError"),
        ("scan.base-invalid", "{}", "KeyError: 'schema'"),
        ("scan.base-invalid", '{"schema": 1, "subjects": []}', "AttributeError"),
        ("scan.base-invalid", '{"schema": 1, "subjects": {"a": {"findings": [{}]}}}', "TypeError"),
        ("scan.base-wrong-schema", '{"schema": 2, "subjects": {}}', "schema 2, wanted 1"),
    ],
)
def test_what_is_no_base_is_one_error(code: str, text: str, said: str) -> None:
    with raises(code, match="--base") as caught:
        baseline.read(text)
    assert said in caught.value.what


def test_markdown_escapes_what_findings_say() -> None:
    found = scan(python_result(vulnerability(Title="a | b")))
    text = make(gateway=found).markdown()
    assert text.startswith("## Scan: failed")
    assert "a \\| b" in text
    assert make(worker=CLEAN).markdown().startswith("## Scan: passed")


def test_thirty_thousand_findings_are_judged_and_cut_with_a_word() -> None:
    many = scan(python_result(*(vulnerability(f"CVE-2026-{n}") for n in range(30_000))))
    report = make(gateway=many)
    error = report.error()
    assert error
    assert error.details.splitlines()[1].split()[2] == "30000"
    assert "29940 more: scan.json has all of them" in error.details
    assert len(str(error)) < 30_000
    assert len(report.markdown().encode()) < 2**17
    assert len(json.loads(report.json())["subjects"]["gateway"]["findings"]) == 30_000


DIFFS = ("sha256:a", "sha256:b")
HISTORY = [
    {"created_by": "Debian"},
    {"created_by": "ENV A=1", "empty_layer": True},
    {"created_by": "RUN |1 X=1 /bin/sh -c pip install x # buildkit"},
]


def layered(*results: dict[str, Any]) -> Scan:
    text = json.loads(report_text(*results))
    text["Metadata"] |= {"DiffIDs": list(DIFFS), "ImageConfig": {"history": HISTORY}}
    return parse.read(json.dumps(text), parse.FOUND, where="gateway")


def test_a_finding_says_which_layer_and_instruction_brought_it_and_what_removes_it() -> None:
    base = vulnerability("CVE-1", PkgName="tar", PkgPath="", Layer={"DiffID": "sha256:a"})
    own = [vulnerability(f"CVE-{n}", Layer={"DiffID": "sha256:b"}) for n in (2, 3)]
    first = dataclasses.replace(
        make(gateway=layered(debian_result(base), python_result(*own))),
        bases={"gateway": Base("python:3.13@sha256:1", 1)},
        instructions={"gateway": ("Debian", "RUN pip install x")},
    )
    data = json.loads(first.json())
    found = {each["id"]: each for each in data["subjects"]["gateway"]["findings"]}
    assert (found["CVE-1"]["layer"], found["CVE-1"]["brought_by"]) == (0, "base python:3.13@sha256:1")
    assert (found["CVE-2"]["layer"], found["CVE-2"]["brought_by"]) == (1, "RUN pip install x")
    assert (found["CVE-2"]["upgrade_to"], found["CVE-2"]["fixable_since"]) == ("1.26.17", "2026-11-25")
    assert {id_: each["removed_by"] for id_, each in found.items()} == {
        "CVE-1": "rebuild on a newer python:3.13@sha256:1",
        "CVE-2": "upgrade urllib3 from 1.26.16 to 1.26.17",
        "CVE-3": "upgrade urllib3 from 1.26.16 to 1.26.17",
    }
    assert [(each["text"], each["removes"]) for each in data["changes"]] == [
        ("upgrade urllib3 from 1.26.16 to 1.26.17", ["CVE-2", "CVE-3"]),
        ("rebuild on a newer python:3.13@sha256:1", ["CVE-1"]),
    ]
    assert "upgrade urllib3 from 1.26.16 to 1.26.17" in first.text()
    assert "RUN pip install x" in first.markdown()


def test_the_day_since_when_a_fix_is_there_is_that_of_the_first_report() -> None:
    first = make(gateway=scan(python_result(vulnerability(), vulnerability("CVE-2", FixedVersion=""))))
    earlier = json.loads(first.json())
    later = Database(datetime(2026, 12, 1, tzinfo=UTC), "sha256:2", "", "", BUCKETS)
    found = scan(python_result(vulnerability(), vulnerability("CVE-2")))
    report = dataclasses.replace(make(baseline.read(json.dumps(earlier)), gateway=found), database=later)
    since = {
        each["id"]: each["fixable_since"]
        for each in json.loads(report.json())["subjects"]["gateway"]["findings"]
    }
    assert since == {"CVE-2023-43804": "2026-11-25", "CVE-2": "2026-12-01"}
