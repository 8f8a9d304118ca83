"""One report of all gates, or of some: never fails for a finding, and has every format."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import anyio
from dagger import dag

from ci import parallel
from ci.errors import PipelineError
from ci.evidence import claims
from ci.evidence.markdown import markdown
from ci.pipeline import builds, gates, pages
from ci.pipeline.gate import NO_SUITE, Images, build_images
from ci.posture import report as posture_report
from ci.project.render import render
from ci.report import summary, tables
from ci.report.documents import Image, Step, Summary
from ci.testing import integration, results
from ci.user_errors import as_user_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import dagger

    from ci.pipeline.inputs import Inputs

__all__ = ["GATES", "Section", "report", "site"]

# In the order of the report; each has a folder of its name in it.
GATES = ("build", "posture", "test", "scan", "test-integration")
_SCAN = "scan/scan.json"


@dataclass(frozen=True)
class Section:
    """One gate's part: its outcome, its files, its Markdown, and its column in the table of images."""

    outcome: str
    failed: bool
    files: dagger.Directory
    markdown: str = ""
    by_service: Mapping[str, str] = field(default_factory=dict)
    started: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class _Earlier:
    """An earlier report, and its scan, if it has one."""

    folder: dagger.Directory | None = None
    summary: Summary | None = None
    scan: dagger.File | None = None


@dataclass(frozen=True)
class _Clock:
    """The time of a run: when it began, and the seconds since then."""

    began: datetime
    zero: float

    def now(self) -> float:
        return monotonic() - self.zero


async def report(
    inputs: Inputs, only: list[str], history: dagger.Directory | None, base: dagger.Directory | None
) -> dagger.Directory:
    """Run the named gates, or all, and return a summary (text, Markdown, JSON) and a folder for each."""
    wanted = _wanted(only)
    earlier = await _earlier(base)
    clock = _Clock(datetime.now(UTC), monotonic())
    images = await build_images(inputs, with_suite="test-integration" in wanted)
    building = clock.now()
    slots = anyio.CapacityLimiter(min(inputs.jobs, gates.SUITES))
    work: dict[str, Callable[[], Awaitable[Section]]] = {
        "build": partial(_build, inputs, images),
        "posture": partial(_posture, inputs, images),
        "test": partial(_test, images, slots),
        "scan": partial(_scan, inputs, images, history, earlier.scan),
        "test-integration": partial(_integration, images, slots),
    }
    chosen = {name: partial(_section, work[name], clock) for name in wanted}
    async with images.project.evidence as evidence:
        sections = await parallel.run(chosen, limit=len(chosen))
    if "build" in sections:
        sections["build"] = replace(sections["build"], started=0.0, seconds=building)
    summarized = _summary(images, sections, clock)
    directory = dag.directory()
    for name, each in sections.items():
        directory = directory.with_directory(name, each.files)
    project = images.project
    directory = (
        directory.with_new_file("summary.txt", summary.text(summarized, earlier.summary) + "\n")
        .with_new_file("summary.json", summary.write(summarized))
        .with_new_file("plan.json", render(project.compose, project.left_out(), "json") + "\n")
    )
    if earlier.summary:
        directory = directory.with_new_file("earlier.json", summary.write(earlier.summary))
    details = [each.markdown for name, each in sections.items() if name != "build" and each.markdown]
    if evidence.place:
        directory = directory.with_new_file("evidence.json", evidence.json())
        details.append(markdown(evidence.proven.values()))
    graph = render(project.compose, project.left_out(), "mermaid")
    return await pages.added(directory, earlier.folder, graph, details)


async def site(
    inputs: Inputs, folder: dagger.Directory | None, base: dagger.Directory | None
) -> dagger.Service:
    """Serve a report that exists, compared with an earlier one if that is given, or one of all gates."""
    if folder is None:
        made = await report(inputs, [], None, base)
    elif not await folder.exists("index.html"):
        raise PipelineError(
            "report.folder-missing",
            "--folder: the folder has no index.html",
            hint="give the folder of a report: report export --path FOLDER",
        )
    else:
        earlier = await _earlier(base)
        made = folder
        if earlier.folder and earlier.summary:
            made = await pages.compared(folder, earlier.folder, earlier.summary)
    return pages.served(await inputs.workspace(), made)


def _summary(images: Images, sections: Mapping[str, Section], clock: _Clock) -> Summary:
    return Summary(
        schema=summary.SCHEMA,
        failed=tuple(name for name, each in sections.items() if each.failed),
        images=_images(images, sections),
        steps={
            name: Step(name, each.outcome, each.failed, round(each.seconds, 2), round(each.started, 2))
            for name, each in sections.items()
        },
        project=images.project.compose.name,
        began=clock.began.isoformat(timespec="milliseconds"),
    )


def _wanted(only: list[str]) -> list[str]:
    for name in only:
        if name not in GATES:
            raise PipelineError(
                "report.unknown-gate",
                f"--only {name}: there is no such gate",
                hint=f"choose from {', '.join(GATES)}",
            )
    return [name for name in GATES if not only or name in only]


async def _earlier(base: dagger.Directory | None) -> _Earlier:
    # A workflow that found no earlier report passes an empty folder, so that it need not choose the options.
    if base is None or not (names := await base.entries()):
        return _Earlier()
    if "summary.json" not in names:
        raise PipelineError(
            "report.base-missing",
            "--base: the folder has no summary.json",
            hint="give the folder of an earlier run: report export --path FOLDER",
        )
    read = summary.read(await base.file("summary.json").contents())
    return _Earlier(base, read, base.file(_SCAN) if await base.exists(_SCAN) else None)


async def _section(work: Callable[[], Awaitable[Section]], clock: _Clock) -> Section:
    """Run one gate; what keeps it from running is its outcome, and the other gates go on."""
    started = clock.now()
    try:
        done = await work()
    except Exception as raised:
        error = as_user_error(raised)
        if error is None:
            raise
        files = dag.directory().with_new_file("error.txt", f"{error}\n")
        done = Section(f"error: {error.code}", failed=True, files=files, markdown=f"```\n{error}\n```\n")
    return replace(done, started=started, seconds=clock.now() - started)


async def _build(inputs: Inputs, images: Images) -> Section:
    recorded = await builds.record_all(images.project, images.released, inputs.jobs)
    files = _directory(tables.built_files(images.released, recorded))
    return Section("passed", failed=False, files=files)


async def _posture(inputs: Inputs, images: Images) -> Section:
    verdict = await gates.judge_posture(images.project, images.released, inputs.jobs)
    column = {}
    for name in images.released:
        broken = [each.rule.id for each in verdict.of(name) if each.waiver is None]
        unstarted = " (not started)" if images.released[name].platform else ""
        column[name] = f"breaks {', '.join(broken)}" if broken else f"passes{unstarted}"
    return Section(
        _outcome(verdict.failures),
        failed=bool(verdict.failures),
        files=_directory(posture_report.directory(verdict)),
        markdown=posture_report.markdown(verdict),
        by_service=column,
    )


async def _test(images: Images, slots: anyio.CapacityLimiter) -> Section:
    runs = await gates.unit_tests(images.project, images.released, slots, identify=True)
    done = [result for result, _ in runs]
    files, coverage = dag.directory(), {}
    for result, output in runs:
        written = "coverage.xml" in await output.entries()
        coverage[result.name] = results.covered(
            await output.file("coverage.xml").contents() if written else ""
        )
        files = files.with_directory(result.name, output)
    written_files = tables.test_files(done, coverage)
    failures = [result.name for result in done if result.failure]
    return Section(
        _outcome(failures),
        failed=bool(failures),
        files=files.with_directory("/", _directory(written_files)),
        markdown=written_files["tests.md"],
        by_service={result.name: result.row[-1] for result in done},
    )


async def _scan(
    inputs: Inputs, images: Images, history: dagger.Directory | None, base: dagger.File | None
) -> Section:
    request = gates.scan_request(inputs, images.project, history=history, base=base)
    outcome = await gates.scan_images(images.project, images.released, request)
    verdict = outcome.report.verdict
    return Section(
        _outcome(verdict.failures),
        failed=bool(verdict.failures),
        files=await outcome.directory(inputs.jobs),
        markdown=outcome.report.markdown(),
        by_service={name: "fails" if verdict.fails(name) else "passes" for name in images.released},
    )


async def _integration(images: Images, slots: anyio.CapacityLimiter) -> Section:
    if not images.project.policy.integration:
        return Section(NO_SUITE, failed=False, files=dag.directory())
    async with slots:
        suite = gates.suite_of(images.project)
        tested = await gates.integration_tests(images.project, images.built, suite)
    outcome = integration.outcome(tested)
    digests = sorted(image.digest for image in images.built.values())
    inputs = claims.digest([digests, await suite.given()])
    return Section(outcome, failed=outcome != "passed", files=await integration.report(tested, inputs))


def _outcome(failures: list[str]) -> str:
    return f"failed: {', '.join(failures)}" if failures else "passed"


def _directory(files: Mapping[str, str]) -> dagger.Directory:
    directory = dag.directory()
    for name, text in files.items():
        directory = directory.with_new_file(name, text)
    return directory


def _images(images: Images, sections: Mapping[str, Section]) -> dict[str, Image]:
    def cell(gate: str, service: str) -> str:
        return sections[gate].by_service.get(service, "error") if gate in sections else "-"

    return {
        name: Image(
            service=name,
            digest=image.digest,
            size=image.facts["size"],
            built=image.built,
            posture=cell("posture", name),
            tests=cell("test", name),
            scan=cell("scan", name),
            base=str(image.base or "scratch"),
            skipped=gates.skipped(images.project, image),
        )
        for name, image in images.released.items()
    }
