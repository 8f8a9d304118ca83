"""Scans whose findings are known from evidence. They are judged each time, with the day's exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ci import parallel
from ci.build.run import digest_of
from ci.evidence import claims
from ci.evidence.claims import Claim
from ci.evidence.evidence import Passed
from ci.scan import database, gate, scanner
from ci.scan.fetch import identity
from ci.workspace import literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagger

    from ci.evidence.evidence import Evidence
    from ci.scan.database import Database
    from ci.scan.findings import Scan
    from ci.scan.gate import Verdict
    from ci.scan.run import Run, Scanned, Target

__all__ = ["KnownScans", "find"]

_DATABASE = "database.json"
_SOURCE = "source"


@dataclass(frozen=True)
class KnownScans:
    """What is known of the subjects of a scan: `claims` of all, and the scans that evidence has.

    `text` describes the database that they were made with.
    """

    evidence: Evidence
    claims: Mapping[str, Claim]
    scans: Scanned
    text: str = ""

    @property
    def about(self) -> Database:
        """The database that the scans were made with."""
        return database.read(self.text)

    def keep(
        self, verdict: Verdict, scans: Mapping[str, Scan], outputs: Mapping[str, dagger.Directory], text: str
    ) -> None:
        """Keep what was scanned now and passes. Java archives depend on a database that has no name."""
        about = database.read(text)
        for name, claim in self.claims.items():
            java = scans[name].unread or scans[name].without_java
            if name in self.scans or verdict.fails(name) or java:
                continue
            found = [{"id": each.id} for each in scans[name].findings if each.kind == "vulnerability"]
            details = {
                "scanner": scans[name].scanner,
                "database": {"lastUpdate": about.updated_at.isoformat(), "version": about.digest},
                "vulnerabilities": found,
            }
            output = outputs[name].with_new_file(_DATABASE, text)
            self.evidence.keep(claim, Passed(output, details=details))


async def find(run: Run, evidence: Evidence, targets: Mapping[str, Target]) -> KnownScans:
    """Return what is known of images and source with the database that is the current one."""
    if evidence.place is None:
        return KnownScans(evidence, {}, {})
    current = await identity(run.workspace, run.request, evidence)
    if not current:
        return KnownScans(evidence, {}, {})
    claimed = await _claims(run, targets, current)
    work = {name: partial(evidence.find, claim) for name, claim in claimed.items()}
    found = {name: known for name, known in (await parallel.run(work, limit=len(work) + 1)).items() if known}
    scans: Scanned = {}
    text = ""
    for name, known in found.items():
        text = await known.output.file(_DATABASE).contents()
        scans |= await run.known(name, known.output)
    return KnownScans(evidence, claimed, scans, text)


async def _claims(run: Run, targets: Mapping[str, Target], current: str) -> dict[str, Claim]:
    source, request = run.workspace.source, run.request
    trivy = run.workspace.images.resolve(scanner.TRIVY, where="tool image")
    shared = {
        "database": claims.digest(current),
        "exceptions": claims.digest(run.exemptions.for_trivy()),
        "scanner": claims.digest(await digest_of(trivy) if trivy else ""),
    }
    for path in request.vex:
        shared[f"vex {path}"] = await source.filter(include=[literal(path)]).digest()
    found = {
        name: Claim(
            claims.SCAN,
            name,
            {name: target.digest},
            {**shared, "base": claims.digest([target.base, target.base_layers])},
        )
        for name, target in targets.items()
    }
    if request.source:
        given = {"skipped": claims.digest(list(request.skip)), "beside": claims.digest(dict(request.beside))}
        about = {_SOURCE: await source.digest()}
        found[gate.SOURCE] = Claim(claims.SCAN, gate.SOURCE, about, {**shared, **given})
    return found
