"""List the errors of this package by code, and explain one."""

from __future__ import annotations

import difflib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ci.catalogue.sources import Entry, read
from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["entries", "explain", "unique"]

_PACKAGE = Path(__file__).parents[1]
_CODE = re.compile(r"[a-z]+(?:-[a-z]+)*\.[a-z]+(?:-[a-z]+)*")
_CLOSEST = 3


@cache
def entries() -> Mapping[str, Entry]:
    """Return all errors of this package by code, sorted."""
    files = sorted(_PACKAGE.rglob("*.py"))
    return unique(
        entry
        for path in files
        for entry in read(path.read_text(encoding="utf-8"), str(path.relative_to(_PACKAGE)))
    )


def unique(found: Iterable[Entry]) -> dict[str, Entry]:
    """Return entries by code, sorted.

    Raise ValueError for a code that is not of the form `area.words-with-dashes` or that two errors share.
    """
    by_code: dict[str, Entry] = {}
    for entry in found:
        if not _CODE.fullmatch(entry.code):
            msg = f"the error code {entry.code!r} is not of the form area.words-with-dashes"
            raise ValueError(msg)
        same = by_code.setdefault(entry.code, entry)
        if same != entry:
            msg = f"two errors have the code {entry.code}: {same} and {entry}"
            raise ValueError(msg)
    return dict(sorted(by_code.items()))


def explain(code: str) -> str:
    """Return the catalog's entry for a code."""
    known = entries()
    if code not in known:
        closest = difflib.get_close_matches(code, known, n=_CLOSEST)
        area = [each for each in known if each.startswith(f"{code.partition('.')[0]}.")]
        hint = (
            f"did you mean {' or '.join(closest)}?" if closest else f"choose from {', '.join(area or known)}"
        )
        raise PipelineError("explain.unknown-code", f"--code '{code}' does not exist", hint=hint)
    entry = known[code]
    return f"{entry.code}: {entry.text}\nNext: {entry.hint}\n"
