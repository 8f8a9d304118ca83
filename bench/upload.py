"""Measure how many bytes a call sends to the engine, with nothing or one line changed."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import counted
from bench.cases import source_line
from bench.measure import printed, spread
from bench.peer import project

if TYPE_CHECKING:
    from collections.abc import Callable

RUNNER = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
FIRST, NOTHING, LINE = "first call of a checkout", "nothing changed", "one line changed"
# Bytes that a call may send once the engine has the checkout. Nearly all of them are the list of files.
MOST_SENT = 300_000
# Reads the whole source, as every function does.
_CALL = ("dagger", "--progress=plain", "call", "services")


def measure(repeat: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure bytes sent, with spread, and the median of bytes received; return exceeded budgets."""
    engine = os.environ.get(RUNNER, "")
    if not engine.startswith(counted.SCHEMES):
        reason = f"not measured, because the engine's address is not a socket: {RUNNER}={engine}"
        say(f"upload: {reason}")
        return {"rows": {}, "reason": reason, "exceeded": []}
    seen: dict[str, list[counted.Counted]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "checkout"
        project.checkout(folder)
        seen[FIRST] = [_call(engine, folder)]
        number = int(time.time())  # so that the edits are new to the engine
        for turn in range(repeat):
            source_line(folder, number + turn)
            for title in (LINE, NOTHING):
                seen.setdefault(title, []).append(_call(engine, folder))
    rows = {title: _row(calls) for title, calls in seen.items()}
    for title, row in rows.items():
        least, median, most = (f"{row[key] / 1000:.1f}" for key in ("least", "median", "most"))
        back = f"{row['received'] / 1000:.0f} kB back"
        say(f"upload: {title}: {median} kB ({least} to {most}), {back}")
    return {"rows": rows, "exceeded": exceeded(rows)}


def exceeded(rows: dict[str, dict[str, float]]) -> list[str]:
    """Return the budgets that the medians exceed."""
    return [
        f"a call sends {rows[title]['median'] / 1000:.0f} kB, {title}; at most are {MOST_SENT / 1000:.0f}"
        for title in (NOTHING, LINE)
        if rows[title]["median"] > MOST_SENT
    ]


def _call(engine: str, folder: Path) -> counted.Counted:
    """Count the bytes that one call sends and receives."""
    with tempfile.TemporaryDirectory() as name, counted.between(engine, Path(name)) as (address, found):
        printed(_CALL, folder, {RUNNER: address})
    return found


def _row(calls: list[counted.Counted]) -> dict[str, float]:
    return {
        **spread([call.sent for call in calls], 0),
        "received": statistics.median(call.received for call in calls),
    }
