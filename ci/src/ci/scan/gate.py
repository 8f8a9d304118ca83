"""The gate: which findings let an image pass, decided here and not by Trivy's exit code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.scan import exceptions, gaps, history, licenses
from ci.scan.findings import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.scan.database import Database
    from ci.scan.exceptions import Exemption, Exemptions
    from ci.scan.findings import Finding, Scan
    from ci.scan.gaps import Gap

__all__ = ["SOURCE", "Judged", "Rules", "Verdict", "judge", "rules"]

# What the source's own row is called, beside the services'.
SOURCE = "(source)"
# What may well have no package, and none that is installed.
_PACKAGELESS = frozenset({SOURCE, history.SUBJECT})


@dataclass(frozen=True)
class Rules:
    """The rules of the gate. Findings of these severities fail, those without a fix unless they are ignored.

    `complete` says that all there is was scanned: only then can an exemption be unused. `denied` are
    the licenses that fail, whatever severity; no others do. `accepted_gaps` are only reported.
    """

    severities: frozenset[str] = frozenset({"CRITICAL", "HIGH"})
    ignore_unfixed: bool = False
    database_age: timedelta = timedelta(days=3)
    complete: bool = True
    denied: tuple[str, ...] = ()
    accepted_gaps: tuple[str, ...] = gaps.DEFAULT_ACCEPTED

    def gates(self, finding: Finding) -> bool:
        """Whether the finding fails the gate, exemptions apart."""
        if finding.kind == "license":
            return bool(finding.denied_by)
        return finding.severity in self.severities and (finding.fixable or not self.ignore_unfixed)


def rules(severity: list[str], *, ignore_unfixed: bool, database_days: int, complete: bool) -> Rules:
    """Return the rules for what a user gave; an unknown severity or no days is an error."""
    wanted = [name.strip().upper() for name in severity]
    for name in wanted:
        if name not in SEVERITIES:
            raise PipelineError(
                "scan.unknown-severity",
                f"--severity: there is no severity '{name}'",
                hint=f"choose from {', '.join(SEVERITIES)}",
            )
    if database_days < 1:
        raise PipelineError(
            "scan.database-days-too-few",
            f"--database-days {database_days}: at least one is needed",
            hint="give a number from 1",
        )
    return Rules(
        severities=frozenset(wanted) if wanted else Rules.severities,
        ignore_unfixed=ignore_unfixed,
        database_age=timedelta(days=database_days),
        complete=complete,
    )


@dataclass(frozen=True)
class Judged:
    """One finding and its status: fails, exempt, or passes; `by` is the exemption that Trivy applied."""

    finding: Finding
    status: str
    by: Exemption | None = None


@dataclass(frozen=True)
class Verdict:
    """The verdict of the gate: each subject's findings, the most severe first.

    `errors` make a subject, or the exceptions file, fail whatever was found.
    """

    subjects: dict[str, tuple[Judged, ...]]
    errors: dict[str, tuple[str, ...]]
    warnings: tuple[str, ...]

    def failing(self, subject: str) -> list[Finding]:
        """Return the findings of a subject that fail the gate."""
        return [each.finding for each in self.subjects.get(subject, ()) if each.status == "fails"]

    def fails(self, subject: str) -> bool:
        """Whether a subject fails the gate."""
        return bool(self.failing(subject) or self.errors.get(subject))

    @property
    def failures(self) -> list[str]:
        """The subjects that fail, and the exceptions file if that fails."""
        others = [name for name in self.errors if name not in self.subjects]
        return [name for name in [*self.subjects, *others] if self.fails(name)]


def judge(scans: Mapping[str, Scan], applied: Rules, exemptions: Exemptions, database: Database) -> Verdict:
    """Judge all scans."""
    subjects = {name: _judged(name, scan, applied, exemptions) for name, scan in scans.items()}
    uncovered = {
        name: list(gaps.find(scan, database, packaged=name not in _PACKAGELESS))
        for name, scan in scans.items()
    }
    errors = {name: tuple(_errors(scan, uncovered[name], applied)) for name, scan in scans.items()}
    errors[exceptions.FILE] = exemptions.expired()
    warnings = [*exemptions.ending(), *_unrated(scans), *_suppressed(scans)]
    warnings += [
        f"{name}: {gap.text} (accepted gap: {gap.kind})"
        for name, found in uncovered.items()
        for gap in found
        if gap.accepted_by(applied.accepted_gaps)
    ]
    if applied.complete:
        used = {each.excepted_by for scan in scans.values() for each in scan.findings}
        used |= {each.excepted_by for scan in scans.values() for each in scan.licensed}
        warnings += exemptions.unused(used)
    return Verdict(subjects, {name: found for name, found in errors.items() if found}, tuple(warnings))


def _judged(name: str, scan: Scan, applied: Rules, exemptions: Exemptions) -> tuple[Judged, ...]:
    judged = []
    for finding in licenses.judged(scan, applied.denied, installed=name not in _PACKAGELESS):
        status = "exempt" if finding.excepted_by else "fails" if applied.gates(finding) else "passes"
        judged.append(Judged(finding, status, exemptions.named(finding.excepted_by)))
    return tuple(sorted(judged, key=_weight))


def _weight(judged: Judged) -> tuple[bool, int, str, str, str, str, int]:
    finding = judged.finding
    rank = SEVERITIES.index(finding.severity)
    place = (finding.package, finding.id, finding.kind, finding.place)
    return (judged.status != "fails", rank, *place, finding.line)


def _errors(scan: Scan, uncovered: list[Gap], applied: Rules) -> Iterator[str]:
    """Say what Trivy passes over in silence, exit code 0."""
    for place in scan.inline:
        yield f"{place} lets findings pass without a reason and a last day: write them into {exceptions.FILE}"
    for gap in uncovered:
        if not gap.accepted_by(applied.accepted_gaps):
            yield f"{gap.text} (gap: {gap.kind})"


def _unrated(scans: Mapping[str, Scan]) -> Iterator[str]:
    for name, scan in scans.items():
        unrated = sorted(
            {each.id for each in scan.findings if each.kind == "vulnerability" and each.severity == "UNKNOWN"}
        )
        if unrated:
            shown = ", ".join(unrated[:3]) + (", …" if len(unrated) > 3 else "")  # noqa: PLR2004 - a few are enough
            yield f"{name}: nobody has rated {len(unrated)} of its vulnerabilities yet: {shown}"


def _suppressed(scans: Mapping[str, Scan]) -> Iterator[str]:
    for name, scan in scans.items():
        if scan.suppressed:
            yield f"{name}: a VEX statement takes out {', '.join(scan.suppressed)}"
