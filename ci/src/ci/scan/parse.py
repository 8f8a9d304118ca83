"""Read Trivy's JSON report."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.scan.findings import NO_LAYER, SEVERITIES, Finding, Licensed, Scan
from ci.spelling import written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["FOUND", "read"]

# What Trivy ends with if it found something; 1 is any error and 2 a panic.
FOUND = 10
_SCHEMA = 2
_MODIFIED = "ExperimentalModifiedFindings"
# What Trivy writes where an exception of its file applies; VEX statements have other words.
_IGNORED = "ignored"

# The versions that PEP 440 allows, as its appendix B has them.
_PEP440 = re.compile(
    r"v?(\d+!)?\d+(\.\d+)*"
    r"([-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?\d*)?"
    r"(-\d+|[-_.]?(post|rev|r)[-_.]?\d*)?"
    r"([-_.]?dev[-_.]?\d*)?"
    r"(\+[a-z0-9]+([-_.][a-z0-9]+)*)?",
    re.IGNORECASE,
)
_PYTHON = frozenset({"pip", "pipenv", "poetry", "pylock", "python-pkg", "uv"})
# BuildKit and the classic builder write a shell form of their own into the history.
_SHELL = re.compile(r"^(?:RUN )?(?:\|\d+ .*? )?/bin/sh -c (?:#\(nop\) +)?")
_BUILDKIT = " # buildkit"


def read(text: str, exit_code: int, inline: Sequence[str] = (), *, where: str, excepted: bool = True) -> Scan:
    """Read a report; exit code and report must say the same, or neither is believed.

    `excepted` says that exceptions were in force when Trivy ended with that code.
    """
    report = _report(text, where)
    try:
        scan = replace(_scan(report), inline=tuple(inline))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _unusable("scan.report-wrong-fields", where, f"{type(error).__name__}: {error}") from error
    if exit_code not in (0, FOUND):
        raise _unusable("scan.report-of-failed-run", where, f"Trivy ended with exit code {exit_code}")
    failing = [each for each in scan.findings if not (excepted and each.excepted_by)]
    if (exit_code == FOUND) != bool(failing):
        claim = "found something" if exit_code == FOUND else "found nothing"
        raise _unusable(
            "scan.report-contradicts-exit-code",
            where,
            f"its exit code {exit_code} says that it {claim}, its report has {len(failing)} findings",
        )
    return scan


def _unusable(code: str, where: str, why: str) -> PipelineError:
    return PipelineError(
        code,
        f"{where}: Trivy's report cannot be used: {why}",
        hint=f"retry; if it persists, check that the pinned Trivy writes report schema {_SCHEMA}",
    )


def _report(text: str, where: str) -> dict[str, Any]:
    try:
        report: Any = json.loads(text)
    except json.JSONDecodeError as error:
        start = text.strip()[:80]
        raise _unusable(
            "scan.report-not-json", where, f"it is not JSON ({error}); it starts with {start!r}"
        ) from error
    if not isinstance(report, dict):
        raise _unusable(
            "scan.report-not-an-object", where, f"it is a JSON {type(report).__name__}, not an object"
        )
    if report.get("SchemaVersion") != _SCHEMA:
        raise _unusable(
            "scan.report-wrong-schema",
            where,
            f"SchemaVersion {written(report.get('SchemaVersion'))}, wanted {_SCHEMA}",
        )
    return report


def _scan(report: dict[str, Any]) -> Scan:
    results = report.get("Results") or []
    metadata = report.get("Metadata") or {}
    packages: dict[str, int] = {}
    for result in results:
        if listed := result.get("Packages"):
            packages[result["Type"]] = packages.get(result["Type"], 0) + len(listed)
    system = metadata.get("OS") or {}
    layers = {digest: number for number, digest in enumerate(metadata.get("DiffIDs") or ())}
    return Scan(
        findings=tuple(each for result in results for each in _findings(result, layers)),
        packages=packages,
        incomparable=tuple(name for result in results for name in _incomparable(result)),
        distribution=(system.get("Family", ""), system.get("Name", "")),
        end_of_life=bool(system.get("EOSL", False)),
        scanner=str((report.get("Trivy") or {}).get("Version", "")),
        licensed=tuple(_licensed(results)),
        suppressed=tuple(sorted({text for result in results for text in _by_vex(result)})),
        instructions=tuple(_instructions(metadata)),
    )


def _instructions(metadata: dict[str, Any]) -> Iterator[str]:
    """Yield what made each layer, as the image's history has it."""
    for entry in (metadata.get("ImageConfig") or {}).get("history") or ():
        if not entry.get("empty_layer"):
            text = " ".join(str(entry.get("created_by", "")).split())
            ran = _SHELL.sub("RUN ", text)
            yield ran.removeprefix("RUN COPY").removesuffix(_BUILDKIT)


def _incomparable(result: dict[str, Any]) -> Iterator[str]:
    if result.get("Type") in _PYTHON:
        for package in result.get("Packages") or ():
            if not _PEP440.fullmatch(package.get("Version", "")):
                yield f"{package['Name']} {package.get('Version', '')!r}"


def _by_vex(result: dict[str, Any]) -> Iterator[str]:
    for item in result.get(_MODIFIED) or ():
        if item["Status"] != _IGNORED:
            yield f"{item['Finding'].get('VulnerabilityID', item['Type'])} ({item['Status']})"


def _licensed(results: list[dict[str, Any]]) -> Iterator[Licensed]:
    excepted = {
        (
            item["Finding"].get("PkgName", ""),
            item["Finding"].get("FilePath", ""),
            item["Finding"]["Name"],
        ): item["Statement"]
        for result in results
        for item in result.get(_MODIFIED) or ()
        if item["Status"] == _IGNORED and item["Type"] == "license"
    }
    for result in results:
        if result.get("Class") == "lang-pkgs":
            for package in result.get("Packages") or ():
                place = package.get("FilePath") or result["Target"]
                for name in package.get("Licenses") or ("",):
                    yield Licensed(
                        license=name,
                        package=package["Name"],
                        version=package.get("Version", ""),
                        place=place,
                        purl=(package.get("Identifier") or {}).get("PURL", ""),
                        excepted_by=excepted.get((package["Name"], place, name or "unknown"), ""),
                    )


def _severity(item: dict[str, Any]) -> str:
    severity = str(item.get("Severity") or "UNKNOWN").upper()
    if severity not in SEVERITIES:
        raise ValueError(f"severity {severity}")
    return severity


def _findings(result: dict[str, Any], layers: Mapping[str, int]) -> Iterator[Finding]:
    target = result["Target"]
    if result.get("Class") == "os-pkgs":
        target = result["Type"]  # the target has the path that was scanned, and the point release
    for kind, (name, make) in _KINDS.items():
        items = [(item, "") for item in result.get(name) or ()]
        items += [
            (item["Finding"], item["Statement"])
            for item in result.get(_MODIFIED) or ()
            if item["Status"] == _IGNORED and item["Type"] == kind
        ]
        for item, entry in items:
            if kind == "misconfiguration" and item["Status"] != "FAIL":
                continue
            if kind == "license" and entry and result.get("Class") == "license" and target == "licenses":
                continue  # of `_licensed`
            layer = layers.get((item.get("Layer") or {}).get("DiffID", ""), NO_LAYER)
            yield replace(make(item, target), excepted_by=entry, layer=layer)


def _vulnerability(item: dict[str, Any], target: str) -> Finding:
    return Finding(
        kind="vulnerability",
        id=item["VulnerabilityID"],
        severity=_severity(item),
        title=item.get("Title", ""),
        place=item.get("PkgPath") or target,
        package=item["PkgName"],
        version=item["InstalledVersion"],
        fixed=item.get("FixedVersion", ""),
        purl=(item.get("PkgIdentifier") or {}).get("PURL", ""),
        url=item.get("PrimaryURL", ""),
        published=str(item.get("PublishedDate") or "")[:10],
    )


def _misconfiguration(item: dict[str, Any], target: str) -> Finding:
    return Finding(
        kind="misconfiguration",
        id=item["ID"],
        severity=_severity(item),
        title=item.get("Title", ""),
        place=target,
        url=item.get("PrimaryURL", ""),
        line=item.get("CauseMetadata", {}).get("StartLine", 0),
    )


def _secret(item: dict[str, Any], target: str) -> Finding:
    return Finding(
        kind="secret",
        id=item["RuleID"],
        severity=_severity(item),
        title=item.get("Title", ""),
        place=target,
        line=item.get("StartLine", 0),
        commit=item.get("Commit", ""),
    )


def _license(item: dict[str, Any], target: str) -> Finding:
    return Finding(
        kind="license",
        id=item["Name"],
        severity=_severity(item),
        title=f"{item.get('Category', 'unknown')} license",
        place=item.get("FilePath") or target,
        package=item.get("PkgName", ""),
        url=item.get("Link", ""),
    )


_KINDS: dict[str, tuple[str, Callable[[dict[str, Any], str], Finding]]] = {
    "vulnerability": ("Vulnerabilities", _vulnerability),
    "misconfiguration": ("Misconfigurations", _misconfiguration),
    "secret": ("Secrets", _secret),
    "license": ("Licenses", _license),
}
