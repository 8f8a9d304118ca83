"""Write the Markdown of generated pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["code", "header", "table"]


def header(title: str, made_from: str) -> list[str]:
    """Write the heading of a page and a note that the page is generated."""
    return [f"# {title}", "", f"Generated from {made_from} by `make reference`; do not edit.", ""]


def code(text: str) -> str:
    """Format a text as code, preserving backticks in it."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Write the lines of a table, followed by an empty line."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines] + [""]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
