"""Reports in the shape of Trivy's, for tests."""

from __future__ import annotations

import json
from typing import Any

from ci.scan import findings, parse


def vulnerability(identifier: str = "CVE-2023-43804", **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - as JSON has it
    return {
        "VulnerabilityID": identifier,
        "PkgName": "urllib3",
        "PkgPath": "opt/app/urllib3-1.26.16.dist-info/METADATA",
        "PkgIdentifier": {"PURL": "pkg:pypi/urllib3@1.26.16"},
        "InstalledVersion": "1.26.16",
        "FixedVersion": "1.26.17, 2.0.6",
        "Severity": "HIGH",
        "Title": "the Cookie header is kept on redirects",
        "PrimaryURL": "https://avd.aquasec.com/nvd/cve-2023-43804",
        **fields,
    }


def python_result(*vulnerabilities: dict[str, Any], version: str = "1.26.16") -> dict[str, Any]:
    package = {
        "Name": "urllib3",
        "Identifier": {"PURL": "pkg:pypi/urllib3@1.26.16"},
        "Version": version,
        "Licenses": ["MIT"],
        "FilePath": "opt/app/urllib3-1.26.16.dist-info/METADATA",
    }
    return {
        "Target": "Python",
        "Class": "lang-pkgs",
        "Type": "python-pkg",
        "Packages": [package],
        "Vulnerabilities": list(vulnerabilities),
    }


def debian_result(*vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    return {
        "Target": "/image (debian 13.8)",
        "Class": "os-pkgs",
        "Type": "debian",
        "Packages": [{"Name": "tar", "Version": "1.35"}],
        "Vulnerabilities": list(vulnerabilities),
    }


def secret(path: str = "/app/service.key") -> dict[str, Any]:
    found = {"RuleID": "private-key", "Severity": "HIGH", "Title": "Asymmetric Private Key", "StartLine": 2}
    return {"Target": path, "Class": "secret", "Secrets": [found]}


def excepted(kind: str, entry: str, *items: dict[str, Any]) -> dict[str, Any]:
    """Return what Trivy makes of findings that an entry of its file lets through."""
    found = [{"Type": kind, "Status": "ignored", "Statement": entry, "Finding": item} for item in items]
    return {"ExperimentalModifiedFindings": found}


def report(*results: dict[str, Any], **system: Any) -> str:  # noqa: ANN401 - as JSON has it
    return json.dumps(
        {
            "SchemaVersion": 2,
            "Trivy": {"Version": "0.74.0"},
            "ArtifactType": "container_image",
            "Metadata": {"OS": {"Family": "debian", "Name": "13.8", **system}},
            "Results": list(results),
        }
    )


def scan(*results: dict[str, Any], **system: Any) -> findings.Scan:  # noqa: ANN401 - as JSON has it
    text = report(*results, **system)
    found = any(result.get(kind) for result in results for kind in ("Vulnerabilities", "Secrets", "Licenses"))
    failed = any(
        each["Status"] == "FAIL" for result in results for each in result.get("Misconfigurations", ())
    )
    return parse.read(text, parse.FOUND if found or failed else 0, where="gateway")
