"""Spell what a user wrote, in errors: values as in their file, and the name that they may have meant."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["closest", "written"]


def closest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is closest to one with a slip, or an empty text if none is close."""
    return next(iter(difflib.get_close_matches(name, known, n=1)), "")


def written(value: object) -> str:
    """Return a value as TOML and YAML spell it, not Python: 'a text', true, null, ['a', 1], 2030-01-31."""
    if isinstance(value, str):
        # JSON's escapes are TOML's and YAML's as well.
        return f"'{value}'" if value.isprintable() and "'" not in value else json.dumps(value)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(written(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {written(each)}' for key, each in value.items())}}}"
    return str(value)
