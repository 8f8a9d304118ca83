"""Run Trivy in the engine: each image is analyzed once, its analysis is judged against each new database."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci import parallel
from ci.errors import PipelineError
from ci.scan import baseline, database, exceptions, gate, git_history, history, known, scanner
from ci.scan.container import TRIVY, command, failed, prepare
from ci.scan.report import Report
from ci.scan.run import Run, Target
from ci.scan.secrets import exceptions_of
from ci.scan.upgrades import Base

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ci.evidence.evidence import Evidence
    from ci.scan.fetch import Request
    from ci.scan.findings import Scan
    from ci.scan.run import Scanned
    from ci.workspace import Workspace

__all__ = ["Outcome", "Target", "scan"]

# Trivy by hand takes these from where it runs. They let findings pass without a reason and a last day.
_NOT_READ = ("trivy.yaml", ".trivyignore")


@dataclass(frozen=True)
class Outcome:
    """The report, and where Trivy's own outputs are: a folder each."""

    report: Report
    scans: dict[str, Scan]
    outputs: dict[str, dagger.Directory] = field(repr=False)
    container: dagger.Container = field(repr=False)

    async def directory(self, jobs: int) -> dagger.Directory:
        """Return all formats: table.txt, summary.md, scan.json, and a folder for each image."""
        work = {name: partial(self._formats, name) for name in self.outputs}
        output = (
            dag.directory()
            .with_new_file("table.txt", self.report.text() + "\n")
            .with_new_file("summary.md", self.report.markdown())
            .with_new_file("scan.json", self.report.json())
        )
        for name, formats in (await parallel.run(work, limit=jobs)).items():
            output = output.with_directory(name.strip("()"), formats)
        return output

    async def sbom(self, name: str) -> dagger.File:
        """Return an image's SBOM in CycloneDX; for one digest it is always the same bytes."""
        return (await self._formats(name)).file("sbom.cdx.json")

    async def _formats(self, name: str) -> dagger.Directory:
        digest = self.report.digests.get(name, "")
        container = self.container.with_file("/output/trivy.json", self.outputs[name].file("trivy.json"))
        words = command("trivy_convert", TRIVY, "/output", name.strip("()"), digest)
        try:
            converted = await container.with_exec(words).sync()
        except dagger.ExecError as error:
            raise failed(name, error) from error
        listed = json.dumps(self.scans[name].licenses, indent=1)
        return converted.directory("/output").with_new_file("licenses.json", listed)


async def scan(
    workspace: Workspace, targets: Mapping[str, Target], request: Request, evidence: Evidence
) -> Outcome:
    """Scan the images, and the source if so requested; a gate that fails is in the report, not raised."""
    now = datetime.now(UTC)
    await _check_vex(workspace, request.vex)
    base = baseline.read(await request.base.contents()) if request.base else None
    exemptions = exceptions.read(await exceptions_of(workspace), now.date())
    run = Run(workspace, await prepare(workspace), request, exemptions)
    proven = await known.find(run, evidence, targets)
    text, work = await _missing(run, targets, proven, now)
    about = None
    if request.history:
        texts, about = await git_history.pack(workspace, request.history, request.skip)
        work[history.SUBJECT] = partial(run.history, texts)
    done = await parallel.run(work, limit=request.jobs)
    found = proven.scans | {name: one for part in done.values() for name, one in part.items()}
    found = {name: found[name] for name in [*targets, *(name for name in found if name not in targets)]}
    current = database.read(text)
    scans = {name: result for name, (result, _) in found.items()}
    for name, result in scans.items():
        scanner.check_version(result.scanner, where=name)
    report = Report(
        verdict=gate.judge(scans, request.rules, exemptions, current),
        rules=request.rules,
        database=current,
        scanner=next((each.scanner for each in scans.values()), ""),
        digests={name: target.digest for name, target in targets.items()},
        base=base,
        skipped=request.skip if request.source else (),
        not_read=tuple([name for name in _NOT_READ if await workspace.listing.has(name)]),
        history=about,
        bases={name: Base(target.base, target.base_layers) for name, target in targets.items()},
        instructions={name: result.instructions for name, result in scans.items()},
        exemptions=exemptions,
    )
    outputs = {name: output for name, (_, output) in found.items()}
    proven.keep(report.verdict, scans, outputs, text)
    return Outcome(report, scans, outputs, run.container)


async def _missing(
    run: Run, targets: Mapping[str, Target], proven: known.KnownScans, now: datetime
) -> tuple[str, dict[str, Callable[[], Awaitable[Scanned]]]]:
    """Return the description of the database, and the scans that are not known."""
    images = {name: target for name, target in targets.items() if name not in proven.scans}
    source = run.request.source and gate.SOURCE not in proven.scans
    if not images and not source and proven.scans:
        proven.about.check_age(now, run.request.rules.database_age)
        return proven.text, {}
    databases, analyses = await run.prepare(images, now)
    work: dict[str, Callable[[], Awaitable[Scanned]]] = {}
    if images:
        work["images"] = partial(run.images, databases, analyses)
    if source:
        work[gate.SOURCE] = partial(run.source, databases)
    return databases.text, work


async def _check_vex(workspace: Workspace, paths: tuple[str, ...]) -> None:
    for path in paths:
        if not await workspace.listing.has(path):
            raise PipelineError(
                "scan.vex-missing",
                f"--vex: there is no {path} in the source",
                hint="give its path there",
            )
