"""What Trivy found, read from its JSON report."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["FOUND", "SEVERITIES", "Finding", "Licensed", "Scan", "read"]

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN")
# What Trivy ends with if it found something; 1 is any error and 2 a panic.
FOUND = 10
_SCHEMA = 2

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


@dataclass(frozen=True)
class Finding:
    """One thing that Trivy found; `fixed` is empty where there is no version to upgrade to.

    `kind` is vulnerability, misconfiguration, secret or license. `place` is the file in the image
    or the source, or the distribution's family for its packages; `line` is 0 where there is none.
    `commit` is the one that introduced it, of what is in the history only; `refused` the entry of
    `tool.ci.denied-licenses` that a license falls under.
    """

    kind: str
    id: str
    severity: str
    title: str
    place: str
    package: str = ""
    version: str = ""
    fixed: str = ""
    purl: str = ""
    url: str = ""
    line: int = 0
    commit: str = ""
    refused: str = ""

    @property
    def fixable(self) -> bool:
        """Whether something can be done: all but vulnerabilities are in one's own hands."""
        return self.kind != "vulnerability" or bool(self.fixed)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same finding in an earlier report: no version, and so no path that has one."""
        return self.kind, self.id, self.package, "" if self.package else self.place

    def to_json(self) -> dict[str, Any]:
        """Return the fields that have a value."""
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(frozen=True)
class Licensed:
    """A package and one of its licenses, as Trivy names it: mostly by SPDX id; empty if it names none."""

    license: str
    package: str
    version: str
    place: str
    purl: str


@dataclass(frozen=True)
class Scan:
    """One report: the findings, and what there was to look at.

    `packages` counts the packages of each type (debian, python-pkg, uv, …); `unreadable` has the
    Python packages whose version Trivy passes over. `distribution` is family and version.
    `licensed` has a line for each license of each package, without the distribution's own;
    `suppressed` the ids that VEX statements took out, with their status; `inline` where a comment in a
    file lets findings pass.
    """

    findings: tuple[Finding, ...]
    packages: dict[str, int]
    unreadable: tuple[str, ...]
    distribution: tuple[str, str]
    end_of_life: bool
    scanner: str
    licensed: tuple[Licensed, ...] = ()
    suppressed: tuple[str, ...] = ()
    inline: tuple[str, ...] = ()

    @property
    def licenses(self) -> dict[str, tuple[str, ...]]:
        """The packages under each license, `unknown` those that name none."""
        found: dict[str, set[str]] = {}
        for each in self.licensed:
            found.setdefault(each.license or "unknown", set()).add(f"{each.package} {each.version}")
        return {name: tuple(sorted(names)) for name, names in sorted(found.items())}


def read(text: str, exit_code: int, inline: Sequence[str] = (), *, where: str) -> Scan:
    """Read a report; exit code and report must say the same, or neither is believed."""
    report = _report(text, where)
    try:
        scan = replace(_scan(report), inline=tuple(inline))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _unusable("scan.report-wrong-fields", where, f"{type(error).__name__}: {error}") from error
    if exit_code not in (0, FOUND):
        raise _unusable("scan.report-of-failed-run", where, f"Trivy ended with exit code {exit_code}")
    if (exit_code == FOUND) != bool(scan.findings):
        said = "found something" if exit_code == FOUND else "found nothing"
        raise _unusable(
            "scan.report-contradicts-exit-code",
            where,
            f"its exit code {exit_code} says it {said}, its report has {len(scan.findings)} findings",
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
            f"SchemaVersion {report.get('SchemaVersion')!r}, wanted {_SCHEMA}",
        )
    return report


def _scan(report: dict[str, Any]) -> Scan:
    results = report.get("Results") or []
    packages: dict[str, int] = {}
    for result in results:
        if listed := result.get("Packages"):
            packages[result["Type"]] = packages.get(result["Type"], 0) + len(listed)
    system = report.get("Metadata", {}).get("OS") or {}
    return Scan(
        findings=tuple(finding for result in results for finding in _findings(result)),
        packages=packages,
        unreadable=tuple(name for result in results for name in _unreadable_versions(result)),
        distribution=(system.get("Family", ""), system.get("Name", "")),
        end_of_life=bool(system.get("EOSL", False)),
        scanner=str(report.get("Trivy", {}).get("Version", "")),
        licensed=tuple(each for result in results for each in _licensed(result)),
        suppressed=tuple(sorted({text for result in results for text in _suppressed(result)})),
    )


def _unreadable_versions(result: dict[str, Any]) -> Iterator[str]:
    if result.get("Type") in _PYTHON:
        for package in result.get("Packages") or ():
            if not _PEP440.fullmatch(package.get("Version", "")):
                yield f"{package['Name']} {package.get('Version', '')!r}"


def _suppressed(result: dict[str, Any]) -> Iterator[str]:
    for item in result.get("ExperimentalModifiedFindings") or ():
        yield f"{item['Finding'].get('VulnerabilityID', item['Type'])} ({item['Status']})"


def _licensed(result: dict[str, Any]) -> Iterator[Licensed]:
    if result.get("Class") == "lang-pkgs":
        for package in result.get("Packages") or ():
            for name in package.get("Licenses") or ("",):
                yield Licensed(
                    license=name,
                    package=package["Name"],
                    version=package.get("Version", ""),
                    place=package.get("FilePath") or result["Target"],
                    purl=(package.get("Identifier") or {}).get("PURL", ""),
                )


def _severity(item: dict[str, Any]) -> str:
    severity = str(item.get("Severity") or "UNKNOWN").upper()
    if severity not in SEVERITIES:
        raise ValueError(f"severity {severity}")
    return severity


def _findings(result: dict[str, Any]) -> Iterator[Finding]:
    target = result["Target"]
    if result.get("Class") == "os-pkgs":
        target = result["Type"]  # the target has the path that was scanned, and the point release
    for item in result.get("Vulnerabilities") or ():
        yield _vulnerability(item, target)
    for item in result.get("Misconfigurations") or ():
        if item["Status"] == "FAIL":
            yield Finding(
                kind="misconfiguration",
                id=item["ID"],
                severity=_severity(item),
                title=item.get("Title", ""),
                place=target,
                url=item.get("PrimaryURL", ""),
                line=item.get("CauseMetadata", {}).get("StartLine", 0),
            )
    for item in result.get("Secrets") or ():
        yield Finding(
            kind="secret",
            id=item["RuleID"],
            severity=_severity(item),
            title=item.get("Title", ""),
            place=target,
            line=item.get("StartLine", 0),
            commit=item.get("Commit", ""),
        )
    for item in result.get("Licenses") or ():
        yield Finding(
            kind="license",
            id=item["Name"],
            severity=_severity(item),
            title=f"{item.get('Category', 'unknown')} license",
            place=item.get("FilePath") or target,
            package=item.get("PkgName", ""),
            url=item.get("Link", ""),
        )


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
    )
