"""The little Markdown that generated pages need."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["code", "header", "table"]


def header(title: str, made_from: str) -> list[str]:
    """Return the first lines of a page, which say that nobody edits it."""
    return [f"# {title}", "", f"Made from {made_from} by `make reference`; a test holds it against them.", ""]


def code(text: str) -> str:
    """Return a text as code; one with backticks keeps them."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table, and an empty one."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines] + [""]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
