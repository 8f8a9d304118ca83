"""Run Trivy in the engine: the database once, every image and the source side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci import parallel, references, tools
from ci.errors import PipelineError
from ci.module_source import program
from ci.scan import baseline, exceptions, findings, gate, history, scanner
from ci.scan.fetch import fetch
from ci.scan.git_history import pack
from ci.scan.report import Report

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ci.scan.fetch import Request
    from ci.scan.findings import Scan
    from ci.workspace import Workspace

__all__ = ["Outcome", "Target", "scan"]

_TRIVY = "/usr/local/bin/trivy"
# None of these opens a connection with these flags; without the first two it tells its maker of each run.
_QUIET = (
    *("--skip-version-check", "--disable-telemetry", "--skip-db-update", "--skip-java-db-update"),
    *("--skip-check-update", "--skip-vex-repo-update", "--offline-scan", "--no-progress"),
    *("--cache-dir", "/cache"),
)
_IMAGE = ("image", *_QUIET, "--scanners", "vuln,secret", "--secret-config", "/trivy_secrets.yaml")
# A lock's workspace members are development dependencies of its root, as Trivy sees it.
_SOURCE = ("fs", *_QUIET, "--scanners", "vuln,secret,misconfig,license", "--include-dev-deps")
_HISTORY = ("fs", *_QUIET, "--scanners", "secret")
# Where Trivy looks for rules of the project's own.
_SECRETS = "trivy-secret.yaml"
# Trivy by hand takes these from where it runs. They let findings pass without a reason and a last day.
_NOT_READ = ("trivy.yaml", ".trivyignore")
_SECONDS = "600"


@dataclass(frozen=True)
class Target:
    """One image: its OCI layout packed, its digest, and the image it stands on (`scratch` if on none).

    A file of a directory is what the engine keys by content, a directory by how it was made: so an
    image that was built again and is the same is not scanned again.
    """

    packed: dagger.File
    digest: str
    base: str


@dataclass(frozen=True)
class Outcome:
    """The report, and where Trivy's own outputs are: a container each, with them in /output."""

    report: Report
    scans: dict[str, Scan]
    scanned: dict[str, dagger.Container] = field(repr=False)

    async def directory(self, jobs: int) -> dagger.Directory:
        """Return all formats: table.txt, summary.md, scan.json, and a folder for each image."""
        work = {name: partial(self._formats, name) for name in self.scanned}
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
        command = ["python3", "/trivy_scan.py", "convert", _TRIVY, "/output", name.strip("()"), digest]
        try:
            converted = await self.scanned[name].with_exec(command).sync()
        except dagger.ExecError as error:
            raise _failed(name, error) from error
        licenses = json.dumps(self.scans[name].licenses, indent=1)
        return (
            converted.directory("/output")
            .without_file("outcome.json")
            .with_new_file("licenses.json", licenses)
        )


async def scan(workspace: Workspace, targets: Mapping[str, Target], request: Request) -> Outcome:
    """Scan the images, and the source if so asked; a red gate is in the report, not raised."""
    now = datetime.now(UTC)
    await _check_vex(workspace.source, request.vex)
    base = baseline.read(await request.base.contents()) if request.base else None
    exemptions = exceptions.read(await _exceptions(workspace.source), now.date())
    python = _scanner(workspace)
    folder, database = await fetch(workspace, python, request, now)
    database.check_age(now, request.rules.database_age)
    for name in ("trivy.db", "metadata.json"):
        python = python.with_mounted_file(f"/cache/db/{name}", folder.file(name))
    run = _Run(workspace, python, request)
    work: dict[str, Callable[[], Awaitable[tuple[Scan, dagger.Container]]]] = {
        name: partial(run.image, name, target) for name, target in targets.items()
    }
    if request.source:
        work[gate.SOURCE] = run.source
    there = None
    if request.history:
        texts, there = await pack(workspace, request.history, request.skip)
        work[history.SUBJECT] = partial(run.history, texts)
    done = await parallel.run(work, limit=request.jobs)
    scans = {name: result for name, (result, _) in done.items()}
    for name, result in scans.items():
        scanner.check_version(result.scanner, where=name)
    verdict = gate.judge(scans, request.rules, exemptions, database)
    report = Report(
        verdict=verdict,
        rules=request.rules,
        database=database,
        scanner=next((each.scanner for each in scans.values()), ""),
        digests={name: target.digest for name, target in targets.items()},
        base=base,
        skipped=request.skip if request.source else (),
        not_read=tuple([name for name in _NOT_READ if await workspace.source.exists(name)]),
        history=there,
    )
    return Outcome(report, scans, {name: container for name, (_, container) in done.items()})


def _scanner(workspace: Workspace) -> dagger.Container:
    """Return Python with Trivy's binary and our programs: no credential and no socket is in it."""
    resolved = workspace.images.resolve(scanner.TRIVY, where="tool image")
    for text in (scanner.TRIVY, resolved or ""):
        if text:
            scanner.check_reference(references.parse(text, where="the scanner"), where="the scanner")
    return (
        workspace.tool(tools.PYTHON)
        .with_file(_TRIVY, workspace.tool(scanner.TRIVY).file(_TRIVY))
        .with_file("/trivy_scan.py", program("trivy_scan.py"))
        .with_file("/trivy_database.py", program("trivy_database.py"))
        .with_file("/trivy_secrets.yaml", program("trivy_secrets.yaml"))
    )


async def _exceptions(source: dagger.Directory) -> str:
    if await source.exists(exceptions.FILE):
        return await source.file(exceptions.FILE).contents()
    return ""


async def _check_vex(source: dagger.Directory, paths: tuple[str, ...]) -> None:
    for path in paths:
        if not await source.exists(path):
            raise PipelineError(
                "scan.vex-missing",
                f"--vex: there is no {path} in the source",
                hint="give its path there",
            )


def _failed(name: str, error: dagger.ExecError) -> PipelineError:
    return PipelineError(
        "scan.trivy-failed",
        f"{name}: Trivy failed with exit code {error.exit_code}",
        details=error.stderr,
        hint="see its output above; a panic is most often a corrupted database. Nothing of this run is "
        "kept: the next one tries again",
    )


@dataclass(frozen=True)
class _Run:
    workspace: Workspace
    container: dagger.Container
    request: Request

    async def image(self, name: str, target: Target) -> tuple[Scan, dagger.Container]:
        """Scan one image, upon what is known of its base: that is looked at once for all that stand on it."""
        container = self.container
        if target.base != "scratch":
            base = dag.container().from_(target.base).as_tarball()
            container = container.with_mounted_file("/base.tar", base)
            container = _exec(container, "/base", [*_IMAGE, "--input", "/base.tar"]).without_mount(
                "/base.tar"
            )
        container = container.with_mounted_file("/image.tar", target.packed)
        vex = ["--show-suppressed"] if self.request.vex else []
        for number, path in enumerate(self.request.vex):
            container = container.with_mounted_file(f"/vex/{number}.json", self.workspace.source.file(path))
            vex += ["--vex", f"/vex/{number}.json"]
        return await self._read(name, _exec(container, "/output", [*_IMAGE, "--input", "/image.tar", *vex]))

    async def source(self) -> tuple[Scan, dagger.Container]:
        """Scan the source: locks, secrets, Dockerfiles."""
        source = self.workspace.source
        for name, text in self.request.beside.items():
            source = source.with_new_file(name, text)
        container = self.container.with_mounted_directory("/source", source, read_only=True)
        skipped = [word for path in self.request.skip for word in ("--skip-dirs", f"/source/{path}")]
        if await self.workspace.source.exists(_SECRETS):
            skipped += ["--secret-config", f"/source/{_SECRETS}"]
        return await self._read(gate.SOURCE, _exec(container, "/output", [*_SOURCE, *skipped, "/source"]))

    async def history(self, texts: dagger.File) -> tuple[Scan, dagger.Container]:
        """Scan what the source once had, by the rules for what it has."""
        container = self.container.with_mounted_file("/history.tar", texts)
        settings: list[str] = []
        if await self.workspace.source.exists(_SECRETS):
            container = container.with_mounted_file(f"/{_SECRETS}", self.workspace.source.file(_SECRETS))
            settings = ["--secret-config", f"/{_SECRETS}"]
        container = _exec(container, "/output", [*_HISTORY, *settings, "/history.tar"]).with_mounted_file(
            "/git_history.py", program("git_history.py")
        )
        command = ["python3", "/git_history.py", "first", "/history.tar", "/output/trivy.json"]
        return await self._read(history.SUBJECT, container.with_exec(command))

    async def _read(self, name: str, container: dagger.Container) -> tuple[Scan, dagger.Container]:
        try:
            outcome = json.loads(await container.file("/output/outcome.json").contents())
            report = await container.file("/output/trivy.json").contents()
        except dagger.ExecError as error:
            raise _failed(name, error) from error
        return findings.read(report, outcome["exit_code"], outcome["inline"], where=name), container


def _exec(container: dagger.Container, output: str, arguments: list[str]) -> dagger.Container:
    return container.with_exec(["python3", "/trivy_scan.py", "scan", _TRIVY, output, _SECONDS, *arguments])
