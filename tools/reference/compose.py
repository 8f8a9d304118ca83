"""The page of what the stack makes of each Compose key: the support table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.compose.rows import ROWS, Status
from tools.reference.markdown import code, header, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.compose.rows import Row

__all__ = ["page"]

_WORDS = """\
A key is one of four:

- **enforced** by the init inside the container, as Docker would;
- **supported** by the plan or by the engine;
- **noted**: it has no effect here, for the reason given; the report says so once, by name;
- **refused**: the stack would be something else than the file says; one error names every such key.

`*` stands for a name that the file chose, or for a place in a list. In brackets is a value that is another
case than the rest of its key. Each row has a test, named as its file below `tests/` and its function. A test
holds the table against the schema of the Compose specification, so that no key falls through.
"""


def page() -> str:
    """Return the page's text."""
    counts = (f"{sum(row.status is status for row in ROWS.values())} {status.value}" for status in Status)
    services = {key: row for key, row in ROWS.items() if not key.startswith("top.")}
    others = {key.removeprefix("top."): row for key, row in ROWS.items() if key.startswith("top.")}
    lines = header("Compose keys", "`ci/src/ci/compose/rows/`")
    lines += [_WORDS, f"{len(ROWS)} rows: {', '.join(counts)}.", ""]
    lines += [
        "## Keys of a service",
        "",
        *_table(services),
        "",
        "## Keys beside `services`",
        "",
        *_table(others),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _table(rows: Mapping[str, Row]) -> list[str]:
    cells = []
    for key, row in sorted(rows.items()):
        file, _, name = row.proof.partition("::")
        cells.append([code(key), row.status.value, row.text, f"{code(file)} {code(name)}"])
    return table(["key", "is", "how, or why not", "test"], cells)
