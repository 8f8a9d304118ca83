from __future__ import annotations

import pytest

from ci import references
from ci.scan import scanner
from tests.raised import raises


@pytest.mark.parametrize("version", ["0.69.4", "0.69.5", "0.69.6", "v0.69.4", " 0.69.5\n"])
def test_releases_with_an_attacker_s_code_are_refused(version: str) -> None:
    with raises("scan.scanner-malicious", match="CVE-2026-33634"):
        scanner.check_version(version, where="gateway")


@pytest.mark.parametrize("version", ["", "dev", "latest"])
def test_a_scanner_that_does_not_say_its_version_is_refused(version: str) -> None:
    with raises("scan.scanner-version-unknown"):
        scanner.check_version(version, where="gateway")


@pytest.mark.parametrize("version", ["0.69.3", "0.70.0", "0.74.0", "0.69.40", "v1.0.0"])
def test_other_releases_may_run(version: str) -> None:
    scanner.check_version(version, where="gateway")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("scan.scanner-without-version", "aquasec/trivy"),
        ("scan.scanner-without-version", "aquasec/trivy:latest"),
        ("scan.scanner-without-version", "aquasec/trivy:latest@sha256:" + "0" * 64),
        ("scan.scanner-without-version", "aquasec/trivy@sha256:" + "0" * 64),
        ("scan.scanner-malicious", "ghcr.io/aquasecurity/trivy:0.69.4"),
        ("scan.scanner-malicious", "127.0.0.1:5000/aquasec/trivy:0.69.6"),
        ("scan.scanner-malicious", "aquasec/trivy:0.69.5-amd64"),
        ("scan.scanner-version-unknown", "aquasec/trivy:canary"),
    ],
)
def test_references_without_a_known_release_are_refused_wherever_they_come_from(code: str, text: str) -> None:
    with raises(code, match="the scanner"):
        scanner.check_reference(references.parse(text, where="test"), where="the scanner")


def test_ours_is_pinned_by_tag_and_digest_and_may_run() -> None:
    ours = references.parse(scanner.TRIVY, where="test")
    assert ours.pinned
    scanner.check_reference(ours, where="the scanner")
