"""The generated pages of docs/reference: a file name and a function that returns the text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tools.reference import compose, errors, functions, settings

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FOLDER", "PAGES"]

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "functions.md": functions.page,
    "policy.md": settings.page,
    "errors.md": errors.page,
    "compose-limits.md": compose.page,
}
