"""The job summary: the verdict, tables, the time line as text and the stack as a Mermaid graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci import table
from ci.report import summary
from ci.report.timeline import timeline
from ci.report.verdict import reasons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.report.model import Run

__all__ = ["LIMIT", "render"]

# GitHub shows no job summary at all of more than 1 MiB; all jobs share it, so this is some of it.
LIMIT = 900_000
_WIDTH = 40
# A larger graph is unreadable, and Mermaid stops at 500 edges.
_MOST_SERVICES = 60
_REASONS = 8  # of each gate


def render(run: Run, graph: str = "", details: Sequence[str] = ()) -> str:
    """Format a run for a job summary.

    `graph` is the stack for Mermaid, `details` are the parts of the gates, which follow if they fit.
    """
    parts = [
        f"# {summary.headline(run.summary)}",
        _reasons(run),
        table.markdown(summary.IMAGES, summary.image_rows(run.summary, run.earlier)),
        "\n".join(f"- {line}" for line in summary.skipped(run.summary)),
        table.markdown(summary.STEPS, summary.step_rows(run.summary)),
        _timeline(run),
        f"```mermaid\n{graph}\n```" if graph and _drawable(run) else "",
    ]
    text = "\n\n".join(part.rstrip("\n") for part in parts if part)
    left_out = 0
    for each in details:
        if len(text.encode()) + len(each.encode()) < LIMIT:
            text += f"\n\n{each.rstrip()}"
        else:
            left_out += 1
    if left_out:
        text += f"\n\n{left_out} parts are left out because a job summary has a limit; index.html has them."
    return text + "\n"


def _drawable(run: Run) -> bool:
    return run.plan is not None and len(run.plan.services) <= _MOST_SERVICES


def _reasons(run: Run) -> str:
    lines = []
    for gate, found in reasons(run).items():
        lines += [
            f"- **{gate}**{f', {each.subject}' if each.subject else ''}: {each.text}"
            for each in found[:_REASONS]
        ]
        if len(found) > _REASONS:
            lines.append(f"- **{gate}**: and {len(found) - _REASONS} more")
    return "\n".join(lines)


def _timeline(run: Run) -> str:
    """Draw the steps as bars of text."""
    line = timeline(run)
    bars = [bar for bar in line.bars if not bar.part]
    if not line.seconds or any(bar.started is None for bar in bars):
        return ""
    width = max(len(bar.name) for bar in bars)
    drawn = []
    for bar in bars:
        begin = round((bar.started or 0) / line.seconds * _WIDTH)
        length = max(1, round(bar.seconds / line.seconds * _WIDTH))
        shape = f"{' ' * begin}{'█' * length}"
        drawn.append(f"{bar.name:<{width}}  {shape:<{_WIDTH + 2}}{bar.seconds:7.1f} s")
    return "\n".join(["```text", *drawn, "```", "", line.remark])
