"""Write the pages for people, the HTML page and the job summary, from the files of a report."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dagger import dag

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagger

__all__ = ["added"]

# Below the folder that `currentModule.workdir` reads, in the container of the running function.
_WORK = Path("/scratch")


async def added(report: dagger.Directory, graph: str, details: Sequence[str]) -> dagger.Directory:
    """Return a report with its pages; `graph` and `details` are parts of the job summary."""
    # Imported here because only this function needs a template library.
    from ci.report import markdown, read  # noqa: PLC0415
    from ci.report.html import page  # noqa: PLC0415

    folder, written = _WORK / "report", _WORK / "pages"
    for each in (folder, written):
        shutil.rmtree(each, ignore_errors=True)
    await report.filter(include=list(read.FILES)).export(str(folder))
    run = read.read(folder)
    written.mkdir(parents=True)
    (written / "index.html").write_text(page.render(run), encoding="utf-8")
    (written / "summary.md").write_text(markdown.render(run, graph, details), encoding="utf-8")
    # As files, because a text of megabytes would be part of every later query.
    return report.with_directory("/", dag.current_module().workdir(written.name))
