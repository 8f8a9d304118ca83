from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ci.evidence import claims, statement
from ci.evidence.claims import Claim
from ci.evidence.statement import Run, UnusableError

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MONTH = timedelta(days=30)
IMAGE = "sha256:" + "1" * 64
OTHER = "sha256:" + "9" * 64
RUN = Run("https://ci.example.com/1", "linux/amd64", NOW - timedelta(days=1), 3.5, {"tests": 7})
CLAIM = Claim(claims.UNIT, "web", {"web": IMAGE}, {"tests": "sha256:" + "2" * 64})
ALL = [replace(CLAIM, gate=gate) for gate in claims.TYPES]


@pytest.mark.parametrize("claim", ALL, ids=lambda claim: claim.gate)
def test_a_statement_proves_its_claim(claim: Claim) -> None:
    assert statement.read(statement.write(claim, RUN), claim, NOW, MONTH) == RUN


@pytest.mark.parametrize("claim", ALL, ids=lambda claim: claim.gate)
def test_it_is_an_in_toto_statement_about_the_images(claim: Claim) -> None:
    written = json.loads(statement.write(claim, RUN))
    assert written["_type"] == "https://in-toto.io/Statement/v1"
    assert written["predicateType"] == claims.TYPES[claim.gate]
    assert written["subject"] == [{"name": "web", "digest": {"sha256": "1" * 64}}]
    names = [each["name"] for each in written["predicate"]["configuration"]]
    assert names == ["ci", "tests"]


def test_test_results_and_scans_have_the_fields_of_their_types() -> None:
    tests = json.loads(statement.write(CLAIM, RUN))["predicate"]
    assert (tests["result"], tests["url"]) == ("PASSED", RUN.url)
    details = {"scanner": "0.74.0", "database": {"version": "2"}, "vulnerabilities": [{"id": "CVE-2026-1"}]}
    scan = json.loads(statement.write(replace(CLAIM, gate=claims.SCAN), replace(RUN, details=details)))
    assert scan["predicate"]["scanner"]["version"] == "0.74.0"
    assert scan["predicate"]["scanner"]["result"] == [{"id": "CVE-2026-1"}]


def changed(**changes: object) -> str:
    """Return the statement with other values, at paths with `__` between the keys."""
    written = json.loads(statement.write(CLAIM, RUN))
    for path, value in changes.items():
        place: Any = written
        *parents, last = path.split("__")
        for name in parents:
            place = place[name]
        place[last] = value
    return json.dumps(written)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        statement.write(CLAIM, RUN)[:-40],
        changed(predicateType="https://in-toto.io/attestation/test-result/v0.2"),
        changed(_type="https://in-toto.io/Statement/v0.1"),
        changed(subject=[]),
        changed(subject=[{"name": "web", "digest": {"sha256": "3" * 64}}]),
        changed(subject=[{"name": "web", "digest": {"sha256": "1" * 64, "sha512": "2"}}]),
        changed(predicate__result="FAILED"),
        changed(predicate__configuration=[]),
        changed(predicate__configuration=[{"name": "ci", "digest": {"sha256": "0"}}] * 2),
        changed(predicate__finishedOn="yesterday"),
        changed(predicate__finishedOn="2026-10-01T00:00:00+00:00"),
        changed(predicate__finishedOn="2026-12-24T00:00:00+00:00"),
        changed(predicate__run={"url": "", "machine": ""}),
    ],
)
def test_any_other_text_proves_nothing(text: str) -> None:
    with pytest.raises(UnusableError):
        statement.read(text, CLAIM, NOW, MONTH)


def test_a_statement_about_something_else_proves_nothing() -> None:
    for other in (
        replace(CLAIM, subjects={"web": "sha256:" + "9" * 64}),
        replace(CLAIM, given={"tests": "sha256:" + "9" * 64}),
        replace(CLAIM, gate=claims.POSTURE),
    ):
        with pytest.raises(UnusableError):
            statement.read(statement.write(CLAIM, RUN), other, NOW, MONTH)


def test_the_images_of_a_build_are_not_known_before_it() -> None:
    asked = replace(CLAIM, gate=claims.BUILD, subjects={})
    written = statement.write(replace(asked, subjects={"web": IMAGE}), RUN)
    assert statement.read(written, asked, NOW, MONTH) == RUN


def test_a_released_image_has_statements_of_its_own() -> None:
    written = statement.about(statement.released(CLAIM, RUN, "web"), {"registry/web": OTHER})
    assert statement.passed(written, OTHER) == claims.UNIT
    assert statement.passed(written, IMAGE) == ""
    tested = {"name": "tested image", "digest": {"sha256": "1" * 64}}
    assert tested in json.loads(written)["predicate"]["configuration"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        changed(predicate__result="FAILED"),
        changed(predicate__gate="scan"),
        changed(predicateType=claims.TYPES[claims.SCAN]),
        changed(subject=[]),
        changed(_type=""),
    ],
)
def test_what_is_no_statement_about_an_image_passes_for_nothing(text: str) -> None:
    assert statement.passed(text, IMAGE) == ""


def test_a_run_without_an_address_is_named_by_its_machine() -> None:
    assert str(replace(RUN, url="")) == "a run on linux/amd64, 2026-11-29 12:00"
