"""An earlier report, to see what is new since, and how long a fix has been there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ci.errors import PipelineError
from ci.scan.findings import Finding
from ci.spelling import written

Key = tuple[str, str, str, str]

__all__ = ["SCHEMA", "Baseline", "read"]

# Raised when a reader of an older report would misread a newer one.
SCHEMA = 1
_IDENTITY = ("kind", "id", "severity", "title", "place", "package")


@dataclass(frozen=True)
class Baseline:
    """The findings of an earlier report, by subject, each with the day since when it has a fix.

    A subject that the report does not have is wholly new.
    """

    known: dict[str, dict[Key, str]]

    def new(self, subject: str, finding: Finding) -> bool:
        """Whether the earlier report does not have this finding."""
        return finding.key not in self.known.get(subject, {})

    def fixable_since(self, subject: str, finding: Finding) -> str:
        """Return the day on which a report first had a fix for this finding; empty if none had."""
        return self.known.get(subject, {}).get(finding.key, "")


def read(text: str) -> Baseline:
    """Read a report that this pipeline wrote; anything else is an error."""
    try:
        report: Any = json.loads(text)
        schema = report["schema"]
        known = {
            subject: {
                Finding(**{name: each[name] for name in _IDENTITY if name in each}).key: str(
                    each.get("fixable_since", "")
                )
                for each in item["findings"]
            }
            for subject, item in report["subjects"].items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise PipelineError(
            "scan.base-invalid",
            f"--base: not a scan.json of this pipeline: {type(error).__name__}: {error}",
            hint="give scan/scan.json of an earlier report",
        ) from error
    if schema != SCHEMA:
        raise PipelineError(
            "scan.base-wrong-schema",
            f"--base: it is of schema {written(schema)}, wanted {SCHEMA}",
            hint="create it again with this version of the pipeline",
        )
    return Baseline(known)
