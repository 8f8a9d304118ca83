"""Write the pages for people, HTML and the job summary, from the files of a report, and serve them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dagger import dag

from ci import tools
from ci.report import summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagger

    from ci.report.documents import Summary
    from ci.report.model import Run
    from ci.workspace import Workspace

__all__ = ["added", "compared", "served"]

# Below the folder that `currentModule.workdir` reads, in the container of the running function.
_WORK = Path("/scratch")
_PORT = 8080
# What a later run needs to compare itself with this one, in a folder that a workflow can keep: these and
# what the page reads of an earlier run.
_BASELINE = "baseline"
_DOCUMENTS = ("summary.json", "scan/scan.json")


async def added(
    report: dagger.Directory, earlier: dagger.Directory | None, graph: str, details: Sequence[str]
) -> dagger.Directory:
    """Return a report with its pages, compared with an earlier one.

    `graph` and `details` are parts of the job summary.
    """
    # The formats are imported in functions, because only a report needs a template library.
    from ci.report import history, markdown, read  # noqa: PLC0415

    run = await _read(report, earlier)
    texts = {"summary.md": markdown.render(run, graph, details), history.NAME: history.write(run.history)}
    whole = report.with_directory("/", _written(run, texts))
    return whole.with_directory(_BASELINE, whole.filter(include=[*_DOCUMENTS, *read.EARLIER_FILES]))


async def compared(report: dagger.Directory, earlier: dagger.Directory, of: Summary) -> dagger.Directory:
    """Return a report whose page compares it with an earlier one, of which `of` is the summary."""
    report = report.with_new_file("earlier.json", summary.write(of))
    return report.with_directory("/", _written(await _read(report, earlier), {}))


def served(workspace: Workspace, report: dagger.Directory) -> dagger.Service:
    """Serve the files of a report."""
    return (
        workspace.tool(tools.PYTHON)
        .with_mounted_directory("/report", report)
        .with_exposed_port(_PORT)
        .as_service(args=["python3", "-m", "http.server", str(_PORT), "--directory", "/report"])
    )


async def _read(report: dagger.Directory, earlier: dagger.Directory | None) -> Run:
    from ci.report import read  # noqa: PLC0415

    both = read.EARLIER_FILES if earlier else ()
    folder = await _exported(report, "report", *read.FILES, *both)
    return read.read(folder, await _exported(earlier, "earlier", *both) if earlier else None)


async def _exported(report: dagger.Directory, name: str, *files: str) -> Path:
    folder = _WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    await report.filter(include=list(files)).export(str(folder))
    return folder


def _written(run: Run, texts: dict[str, str]) -> dagger.Directory:
    """Return a folder of the page and texts; as files, because large texts would be in every later query."""
    from ci.report.html import page  # noqa: PLC0415

    folder = _WORK / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in {"index.html": page.render(run), **texts}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return dag.current_module().workdir(folder.name)
