"""Scan what would be pushed, and the source it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import dagger
from dagger import Doc

from ci._dagger import check, function
from ci.scan import gate, trivy
from ci.scan.fetch import Request
from ci.user_errors import user_errors
from ci.verbs.arguments import DatabaseRegistry, History, Jobs, Mirrors, Only
from ci.verbs.base import Base

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.build.builder import BuiltImage

__all__ = ["Scan", "targets"]

Severity = Annotated[
    list[str] | None, Doc("Severities that fail the gate; default: CRITICAL and HIGH of any image or lock")
]
IgnoreUnfixed = Annotated[bool, Doc("Let vulnerabilities pass that nobody has fixed yet")]
DatabaseDays = Annotated[int, Doc("How old Trivy's database may be, in days")]
Earlier = Annotated[
    dagger.File | None, Doc("scan.json of an earlier run: what is new since is counted in a column")
]
Database = Annotated[
    dagger.Directory | None, Doc("A folder with trivy.db and metadata.json: nothing is fetched then")
]
Vex = Annotated[list[str] | None, Doc("VEX files of the source, by their paths there; default: none")]


def targets(artifacts: Mapping[str, BuiltImage]) -> dict[str, trivy.Target]:
    """Return what the scanner looks at, of built images: each one's packed layout."""
    return {
        name: trivy.Target(artifact.file, artifact.digest, str(artifact.base or ""))
        for name, artifact in artifacts.items()
    }


class Scan(Base):
    """The scanner, before anything is pushed."""

    @check
    @function(cache="session")
    @user_errors
    async def scan(
        self,
        only: Only = None,
        severity: Severity = None,
        ignore_unfixed: IgnoreUnfixed = False,
        database_days: DatabaseDays = 3,
        base: Earlier = None,
        database_registry: DatabaseRegistry = None,
        mirrors: Mirrors = None,
        database: Database = None,
        vex: Vex = None,
        history: History = None,
        jobs: Jobs = 2,
    ) -> str:
        """Scan each image and the source with Trivy; print one table; a red gate fails the call."""
        rules = gate.rules(
            severity or [], ignore_unfixed=ignore_unfixed, database_days=database_days, complete=not only
        )
        request = Request(
            rules=rules,
            jobs=jobs,
            source=rules.complete,
            base=base,
            mirrors=tuple(mirrors or ()),
            registry=database_registry,
            database=database,
            vex=tuple(vex or ()),
            history=history,
        )
        outcome = await self._scan(only, request)
        if error := outcome.report.error():
            raise error
        return outcome.report.text()

    @function(cache="session")
    @user_errors
    async def scan_report(
        self,
        only: Only = None,
        severity: Severity = None,
        ignore_unfixed: IgnoreUnfixed = False,
        database_days: DatabaseDays = 3,
        base: Earlier = None,
        database_registry: DatabaseRegistry = None,
        mirrors: Mirrors = None,
        database: Database = None,
        vex: Vex = None,
        history: History = None,
        jobs: Jobs = 2,
    ) -> dagger.Directory:
        """Return the same as files, also when red: table, Markdown, JSON, each image's SARIF and SBOM."""
        rules = gate.rules(
            severity or [], ignore_unfixed=ignore_unfixed, database_days=database_days, complete=not only
        )
        request = Request(
            rules=rules,
            jobs=jobs,
            source=rules.complete,
            base=base,
            mirrors=tuple(mirrors or ()),
            registry=database_registry,
            database=database,
            vex=tuple(vex or ()),
            history=history,
        )
        outcome = await self._scan(only, request)
        return await outcome.directory(jobs)

    async def _scan(self, only: list[str] | None, request: Request) -> trivy.Outcome:
        loaded = await self._load()
        artifacts = await loaded.build(only or [])
        request = request.under(loaded.policy, loaded.compose)
        return await trivy.scan(loaded.builder, targets(artifacts), request)
