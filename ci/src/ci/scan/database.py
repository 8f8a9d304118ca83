"""The vulnerability database: what it is, how old, and what it knows nothing of."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError

if TYPE_CHECKING:
    from ci.scan.findings import Scan

__all__ = ["Database", "failure", "read"]

_SCHEMA = 2
# Without these Trivy finds nothing, or panics; it says neither beforehand.
_NEEDED = ("data-source", "vulnerability")
# The database's ecosystem for Trivy's package types; what is not here has none that could be looked for.
_ECOSYSTEMS = {
    "bundler": "rubygems",
    "cargo": "cargo",
    "composer": "composer",
    "gobinary": "go",
    "gomod": "go",
    "jar": "maven",
    "node-pkg": "npm",
    "npm": "npm",
    "pip": "pip",
    "pipenv": "pip",
    "pnpm": "npm",
    "poetry": "pip",
    "pylock": "pip",
    "python-pkg": "pip",
    "rustbinary": "cargo",
    "uv": "pip",
    "yarn": "npm",
}
# How many parts of its version name a distribution's bucket; the others' buckets are not looked for.
_RELEASE_PARTS = {"alpine": 2, "chainguard": 0, "debian": 1, "ubuntu": 2, "wolfi": 0}
_FRACTION = re.compile(r"(\.\d{6})\d+")


@dataclass(frozen=True)
class Database:
    """One database; `origin` is the mirror it came from, empty if it was given."""

    updated_at: datetime
    digest: str
    origin: str
    note: str
    buckets: frozenset[str]

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

    def uncovered_ecosystems(self, scan: Scan) -> list[str]:
        """Return what was in the scan that this database has nothing on: no finding means nothing there."""
        spots = []
        family, version = scan.distribution
        if family in _RELEASE_PARTS and family in scan.packages:
            release = ".".join(version.split(".")[: _RELEASE_PARTS[family]])
            bucket = f"{family} {release}".strip()
            if bucket not in self.buckets:
                spots.append(f"{scan.packages[family]} packages of {bucket}")
        known = {name.partition("::")[0] for name in self.buckets if "::" in name}
        there = {_ECOSYSTEMS[kind] for kind in scan.packages if kind in _ECOSYSTEMS}
        return spots + [f"packages of {ecosystem}" for ecosystem in sorted(there - known)]

    def to_json(self) -> dict[str, Any]:
        """Return what a report says of it."""
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
            "scan.database-wrong-schema", f"metadata.json has Version {version!r}, wanted {_SCHEMA}", origin
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
    return Database(updated_at, about["digest"], origin, about["note"], frozenset(about["buckets"]))


def failure(stderr: str) -> PipelineError:
    """Return the error for a database that could not be had, naming each mirror that was tried."""
    lines = [line for line in stderr.splitlines() if line.startswith('{"attempts"')]
    if not lines:
        return PipelineError(
            "scan.database-unavailable",
            "the vulnerability database cannot be had",
            details=stderr,
            hint="see the output above",
        )
    attempts: list[dict[str, Any]] = json.loads(lines[-1])["attempts"]
    if len(attempts) == 1 and "seconds" not in attempts[0]:  # it was there, and not fetched
        return _unusable(
            "scan.database-unusable",
            attempts[0]["error"],
            attempts[0]["mirror"] or "the folder that was given",
        )
    return PipelineError(
        "scan.mirrors-unavailable",
        f"the vulnerability database cannot be had from any of {len(attempts)} mirrors",
        details="\n".join(f"- {each['mirror']} ({each['seconds']} s): {each['error']}" for each in attempts),
        hint="name a mirror that can be reached with --mirrors, or give a database with --database",
    )
