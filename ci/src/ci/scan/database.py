"""The vulnerability database: what it is, and how old."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ci.errors import PipelineError
from ci.spelling import written

__all__ = ["Database", "attempts", "failure", "read"]

_SCHEMA = 2
# Without these Trivy finds nothing, or panics; it says neither beforehand.
_NEEDED = ("data-source", "vulnerability")
_FRACTION = re.compile(r"(\.\d{6})\d+")


@dataclass(frozen=True)
class Database:
    """One database; `origin` is the mirror it came from, empty if it was given.

    `java` says that a Java database came with it.
    """

    updated_at: datetime
    digest: str
    origin: str
    note: str
    buckets: frozenset[str]
    java: bool = False

    def check_age(self, now: datetime, longest: timedelta) -> None:
        """Refuse a database that is too old, or from the future: Trivy takes both in silence."""
        age = now - self.updated_at
        if age > longest:
            raise PipelineError(
                "scan.database-too-old",
                f"the vulnerability database is of {self.updated_at:%Y-%m-%d}, {age.days} days old: "
                f"more than the {longest.days} allowed",
                hint="fetch a newer one, or say how old it may be with --database-days",
            )
        if age < timedelta(days=-1):
            raise PipelineError(
                "scan.database-in-future",
                f"the vulnerability database is of {self.updated_at:%Y-%m-%d}, which is in the future",
                hint="set this machine's clock, or use another database",
            )

    def to_json(self) -> dict[str, Any]:
        """Describe it for a report."""
        return {
            "updated_at": self.updated_at.isoformat(),
            "digest": self.digest,
            "origin": self.origin,
            "note": self.note,
        }


def _unusable(code: str, why: str, origin: str) -> PipelineError:
    source = f" from {origin}" if origin else ""
    return PipelineError(
        code,
        f"the vulnerability database{source} cannot be used: {why}",
        hint="fetch it again, or give a folder that has trivy.db and metadata.json with --database",
    )


def read(text: str) -> Database:
    """Read what `container_scripts/trivy_database.py` wrote."""
    about: dict[str, Any] = json.loads(text)
    origin: str = about["origin"]
    try:
        metadata: Any = json.loads(about["metadata"])
        version = metadata["Version"]
        # Go writes nanoseconds, Python reads microseconds.
        updated_at = datetime.fromisoformat(_FRACTION.sub(r"\1", metadata["UpdatedAt"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable(
            "scan.database-metadata-invalid", f"metadata.json: {type(error).__name__}: {error}", origin
        ) from error
    if version != _SCHEMA:
        raise _unusable(
            "scan.database-wrong-schema",
            f"metadata.json has Version {written(version)}, wanted {_SCHEMA}",
            origin,
        )
    if updated_at.tzinfo is None:
        raise _unusable(
            "scan.database-without-time-zone",
            f"metadata.json: UpdatedAt {metadata['UpdatedAt']} has no time zone",
            origin,
        )
    missing = [name for name in _NEEDED if name not in about["buckets"]]
    if missing:
        raise _unusable(
            "scan.database-incomplete",
            f"trivy.db has no {' and no '.join(missing)}: it is empty, or not Trivy's",
            origin,
        )
    return Database(
        updated_at, about["digest"], origin, about["note"], frozenset(about["buckets"]), about["java"]
    )


def failure(stderr: str) -> PipelineError:
    """Return the error for a database that could not be had, naming each mirror that was tried."""
    tried = attempts(stderr)
    if not tried:
        return PipelineError(
            "scan.database-unavailable",
            "the vulnerability database is not available",
            details=stderr,
            hint="see the output above",
        )
    if len(tried) == 1 and "seconds" not in tried[0]:  # it was there, and not fetched
        return _unusable(
            "scan.database-unusable",
            tried[0]["error"],
            tried[0]["mirror"] or "the folder that was given",
        )
    return PipelineError(
        "scan.mirrors-unavailable",
        f"none of {len(tried)} mirrors has the vulnerability database",
        details="\n".join(f"- {each['mirror']} ({each['seconds']} s): {each['error']}" for each in tried),
        hint="name a mirror that can be reached with --database-mirrors, or pass a database with --database",
    )


def attempts(stderr: str) -> list[dict[str, Any]]:
    """Read the outcome of each mirror that `container_scripts/trivy_database.py` tried."""
    lines = [line for line in stderr.splitlines() if line.startswith('{"attempts"')]
    found: list[dict[str, Any]] = json.loads(lines[-1])["attempts"] if lines else []
    return found
