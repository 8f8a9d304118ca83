"""The support table: every key of the Compose model, what is done with it, and the test that shows it.

`*` in a key stands for a name that the file chose or for a place in a list. A
value that is another case than the rest of its key has a row of its own, with
the case in brackets. `top.` is beside `services:`.
"""

from __future__ import annotations

from ci.compose.rows import reaches, runs
from ci.compose.rows.row import Row, Status

__all__ = ["ROWS", "Row", "Status"]

ROWS: dict[str, Row] = {**runs.ROWS, **reaches.ROWS}
