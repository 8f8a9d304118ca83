from __future__ import annotations

import pytest

from ci import references
from ci.errors import PipelineError
from ci.scan import scanner


@pytest.mark.parametrize("version", ["0.69.4", "0.69.5", "0.69.6", "v0.69.4", " 0.69.5\n"])
def test_releases_with_an_attacker_s_code_are_refused(version: str) -> None:
    with pytest.raises(PipelineError, match="CVE-2026-33634"):
        scanner.check_version(version, where="gateway")


@pytest.mark.parametrize("version", ["", "dev", "latest"])
def test_a_scanner_that_does_not_say_its_version_is_refused(version: str) -> None:
    with pytest.raises(PipelineError, match="Trivy says its version is"):
        scanner.check_version(version, where="gateway")


@pytest.mark.parametrize("version", ["0.69.3", "0.70.0", "0.74.0", "0.69.40", "v1.0.0"])
def test_other_releases_may_run(version: str) -> None:
    scanner.check_version(version, where="gateway")


@pytest.mark.parametrize(
    "text",
    [
        "aquasec/trivy",
        "aquasec/trivy:latest",
        "aquasec/trivy:latest@sha256:" + "0" * 64,
        "aquasec/trivy@sha256:" + "0" * 64,
        "ghcr.io/aquasecurity/trivy:0.69.4",
        "127.0.0.1:5000/aquasec/trivy:0.69.6",
        "aquasec/trivy:0.69.5-amd64",
        "aquasec/trivy:canary",
    ],
)
def test_references_without_a_known_release_are_refused_wherever_they_come_from(text: str) -> None:
    with pytest.raises(PipelineError, match="the scanner"):
        scanner.check_reference(references.parse(text, where="test"), where="the scanner")


def test_ours_is_pinned_by_tag_and_digest_and_may_run() -> None:
    ours = references.parse(scanner.TRIVY, where="test")
    assert ours.pinned
    scanner.check_reference(ours, where="the scanner")
