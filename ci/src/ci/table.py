"""Format tables as aligned text or as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["markdown", "megabytes", "text"]


def text(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format rows as aligned columns under a header."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format rows as a GitHub table, with `|` in cells escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def megabytes(size: int) -> str:
    """Format bytes as megabytes (10^6, as registries count) with one decimal."""
    return f"{size / 1_000_000:.1f} MB"
