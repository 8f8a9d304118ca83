"""An earlier report, to tell what is new since."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ci.errors import PipelineError
from ci.scan.findings import Finding

__all__ = ["SCHEMA", "Baseline", "read"]

# Raised when a reader of an older report would misread a newer one.
SCHEMA = 1
_IDENTITY = ("kind", "id", "severity", "title", "place", "package")


@dataclass(frozen=True)
class Baseline:
    """The findings of an earlier report, by subject; a subject it does not have is wholly new."""

    known: dict[str, frozenset[tuple[str, str, str, str]]]

    def new(self, subject: str, finding: Finding) -> bool:
        """Whether the earlier report does not have this finding."""
        return finding.key not in self.known.get(subject, frozenset())


def read(text: str) -> Baseline:
    """Read a report that this pipeline wrote; anything else is an error."""
    try:
        report: Any = json.loads(text)
        schema = report["schema"]
        known = {
            subject: frozenset(
                Finding(**{name: each[name] for name in _IDENTITY if name in each}).key
                for each in item["findings"]
            )
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
            f"--base: it is of schema {schema!r}, wanted {SCHEMA}",
            hint="make it again with this version of the pipeline",
        )
    return Baseline(known)
