"""The scan's report: one table for all images, the failing findings, and the same as data."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from ci import table
from ci.errors import PipelineError
from ci.scan import baseline, upgrades
from ci.scan.exceptions import FILE, Exemptions
from ci.scan.findings import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.scan.baseline import Baseline
    from ci.scan.database import Database
    from ci.scan.findings import Finding
    from ci.scan.gate import Judged, Rules, Verdict
    from ci.scan.history import History
    from ci.scan.upgrades import Base, Change

__all__ = ["Report"]

_FINDINGS = ["service", "id", "severity", "package", "version", "fixed in", "where", "brought by", "what"]
_CHANGES = ["change", "removes", "of", "in"]
_SHOWN_CHANGES = 10
_NAMED = 5
# The width of a column with an instruction.
_WIDTH = 50
# A screenful and more; scan.json has the rest.
_SHOWN = 60
# GitHub cuts a job summary at 1 MiB, and all jobs share it.
_SHOWN_IN_MARKDOWN = 500


@dataclass(frozen=True)
class Report:
    """One verdict and all that it was made from.

    `digests` are the images', by service, `bases` what these are built on, `instructions` what made their
    layers; `skipped` are the folders of the source that were left out, `not_read` its settings for Trivy that
    have no effect here; `history` is what was looked at of that, if it was; `exemptions` were in force.
    """

    verdict: Verdict
    rules: Rules
    database: Database
    scanner: str
    digests: dict[str, str]
    base: Baseline | None = None
    skipped: tuple[str, ...] = ()
    not_read: tuple[str, ...] = ()
    history: History | None = None
    bases: Mapping[str, Base] = field(default_factory=dict)
    instructions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exemptions: Exemptions = field(default_factory=lambda: Exemptions((), date.max))

    def error(self) -> PipelineError | None:
        """Return the gate's error, or `None` if it passes."""
        failures = self.verdict.failures
        if not failures:
            return None
        return PipelineError(
            "scan.failed",
            f"scan: the gate fails for {', '.join(failures)}",
            details=self.text(),
            hint="make the changes listed above, take secrets out and revoke them; "
            f"{self._more(failures)}to accept a finding temporarily, add an entry to {FILE} with id, "
            "statement and expired_at",
        )

    def _more(self, failures: list[str]) -> str:
        failing = [finding for name in failures for finding in self.verdict.failing(name)]
        text = ""
        if any(finding.commit for finding in failing):
            text += "rotate a secret of the history: rewriting does not remove it from existing clones; "
        if any(finding.denied_by for finding in failing):
            text += "replace a package whose license is denied; "
        return text

    def text(self) -> str:
        """Return the table, what fails, what to know."""
        parts = [table.text(self._header(), self._rows())]
        rows, more = self._failing(_SHOWN)
        if rows:
            parts.append(table.text(_FINDINGS, rows) + more)
        if changes := self._change_rows():
            parts.append(table.text(_CHANGES, changes))
        parts.append("\n".join(self._remarks()))
        return "\n\n".join(parts)

    def markdown(self) -> str:
        """Return the same for a job summary."""
        word = "failed" if self.verdict.failures else "passed"
        parts = [f"## Scan: {word}", table.markdown(self._header(), self._rows())]
        rows, more = self._failing(_SHOWN_IN_MARKDOWN)
        if rows:
            parts.append("### What fails the gate\n\n" + table.markdown(_FINDINGS, rows) + more)
        if changes := self._change_rows():
            parts.append("### What removes it\n\n" + table.markdown(_CHANGES, changes))
        parts.append("\n".join(f"- {remark}" for remark in self._remarks()))
        return "\n\n".join(parts) + "\n"

    def json(self) -> str:
        """Return everything as JSON; it is what `--base` takes later."""
        changes = self.changes()
        removed_by = {found: each.text for each in changes for found in each.found}
        return json.dumps(
            {
                "schema": baseline.SCHEMA,
                "failures": self.verdict.failures,
                "scanner": self.scanner,
                "database": self.database.to_json(),
                "rules": {
                    "severities": [name for name in SEVERITIES if name in self.rules.severities],
                    "ignore_unfixed": self.rules.ignore_unfixed,
                    "denied_licenses": list(self.rules.denied),
                    "accepted_gaps": list(self.rules.accepted_gaps),
                },
                "changes": [
                    {"text": each.text, "removes": each.removes, "subjects": each.subjects}
                    for each in changes
                ],
                "exceptions": [*self._exceptions()],
                "warnings": list(self.verdict.warnings),
                "errors": {name: list(errors) for name, errors in self.verdict.errors.items()},
                "subjects": {name: self._subject(name, removed_by) for name in self.verdict.subjects},
            },
            indent=1,
        )

    def _subject(self, name: str, removed_by: Mapping[tuple[str, Finding], str]) -> dict[str, Any]:
        findings = []
        for each in self.verdict.subjects[name]:
            change = removed_by.get((name, each.finding))
            findings.append(self._data(name, each) | ({"removed_by": change} if change else {}))
        return {"digest": self.digests.get(name, ""), "findings": findings}

    def _exceptions(self) -> Iterator[dict[str, Any]]:
        covered = Counter(
            each.by.entry for judged in self.verdict.subjects.values() for each in judged if each.by
        )
        for each in self.exemptions.entries:
            expired = each not in self.exemptions.live
            yield {
                "id": each.id,
                "section": each.section,
                "reason": each.reason,
                "until": each.until.isoformat(),
                "status": "expired" if expired else "used" if covered[each.entry] else "unused",
                "covers": covered[each.entry],
            }

    def changes(self) -> list[Change]:
        """Return the changes that remove what fails, the one that removes most first."""
        names = self.verdict.subjects
        return upgrades.changes(
            ((name, finding) for name in names for finding in self.verdict.failing(name)), self.bases
        )

    def _change_rows(self) -> list[list[str]]:
        return [
            [
                each.text,
                str(len(each.removes)),
                _some(each.removes),
                ", ".join(each.subjects),
            ]
            for each in self.changes()[:_SHOWN_CHANGES]
        ]

    def _brought_by(self, subject: str, finding: Finding) -> str:
        """Return the instruction of the layer that has it, or the base image."""
        instructions = self.instructions.get(subject, ())
        base = self.bases.get(subject)
        if not 0 <= finding.layer < len(instructions):
            return ""
        if base and finding.layer < base.layers:
            return f"base {base.reference}"
        return instructions[finding.layer]

    def _data(self, subject: str, judged: Judged) -> dict[str, Any]:
        finding = judged.finding
        data = {**finding.to_json(), "status": judged.status}
        if brought_by := self._brought_by(subject, finding):
            data["brought_by"] = brought_by
        if finding.kind == "vulnerability" and finding.fixed:
            data["upgrade_to"] = upgrades.lowest_fix(finding.version, finding.fixed)
            earlier = self.base.fixable_since(subject, finding) if self.base else ""
            data["fixable_since"] = earlier or f"{self.database.updated_at:%Y-%m-%d}"
        if judged.by:
            data["exempt"] = {"until": judged.by.until.isoformat(), "reason": judged.by.reason}
        if self.base:
            data["new"] = self.base.new(subject, finding)
        return data

    def _header(self) -> list[str]:
        since = ["new"] if self.base else []
        return ["service", *(name.lower() for name in SEVERITIES), "fixable", "exempt", *since, "gate"]

    def _rows(self) -> list[list[str]]:
        rows = []
        for name, judged in self.verdict.subjects.items():
            counts = Counter(each.finding.severity for each in judged)
            fixable = sum(each.finding.fixable for each in judged)
            exempt = sum(each.status == "exempt" for each in judged)
            numbers = [*(counts[severity] for severity in SEVERITIES), fixable, exempt]
            if self.base:
                numbers.append(sum(self.base.new(name, each.finding) for each in judged))
            rows.append([name, *map(str, numbers), "fails" if self.verdict.fails(name) else "passes"])
        return rows

    def _failing(self, most: int) -> tuple[list[list[str]], str]:
        """Return a row for each finding that fails, and a line about those left out."""
        rows = [
            [
                name,
                finding.id,
                finding.severity,
                finding.package or "-",
                finding.version or "-",
                (finding.fixed or "no fix yet") if finding.kind == "vulnerability" else "-",
                finding.place + (f":{finding.line}" if finding.line else ""),
                _short(self._brought_by(name, finding)) or "-",
                finding.title,
            ]
            for name in self.verdict.subjects
            for finding in self.verdict.failing(name)
        ]
        left = len(rows) - most
        return rows[:most], f"\n… and {left} more: scan.json has all of them" if left > 0 else ""

    def _remarks(self) -> list[str]:
        verdict, database = self.verdict, self.database
        origin = database.origin or "the folder given with --database"
        remarks = [f"error: {name}: {text}" for name, errors in verdict.errors.items() for text in errors]
        remarks += [f"warning: {warning}" for warning in verdict.warnings]
        remarks.append(
            f"Trivy {self.scanner}; database of {database.updated_at:%Y-%m-%d %H:%M} from {origin}"
        )
        if self.rules.denied:
            remarks.append(f"licenses denied: {', '.join(self.rules.denied)}")
        if self.history:
            remarks.append(self.history.remark())
        if self.not_read:
            remarks.append(
                f"not read: {', '.join(self.not_read)}: what may pass, why and how long is in {FILE}"
            )
        if self.skipped:
            remarks.append(f"not scanned in the source: {', '.join(self.skipped)}")
        if database.note:
            remarks.append(f"note of the database: {database.note}")
        return remarks


def _short(text: str) -> str:
    """Return a text cut to the width of its column, a reference without its digest."""
    text = text.partition("@sha256:")[0]
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _some(names: tuple[str, ...]) -> str:
    """Return the first of the names, each once."""
    different = list(dict.fromkeys(names))
    return ", ".join(different[:_NAMED]) + (", …" if len(different) > _NAMED else "")
