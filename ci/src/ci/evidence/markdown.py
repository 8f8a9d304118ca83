"""Show in a summary what was known, with a link to each run that proved it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci import table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ci.evidence.evidence import Proven
    from ci.evidence.statement import Run

__all__ = ["markdown"]


def markdown(proven: Iterable[Proven]) -> str:
    """Return a section with a row for each gate; empty if nothing was looked up."""
    claims = list(proven)
    if not claims:
        return ""
    by_gate: dict[str, list[Proven]] = {}
    for each in sorted(claims, key=lambda each: each.claim.title):
        by_gate.setdefault(each.claim.gate, []).append(each)
    rows = []
    for gate, of_gate in by_gate.items():
        known = [each for each in of_gate if each.known]
        runs = dict.fromkeys(_link(each.run) for each in known)
        here = ", ".join(each.claim.name for each in of_gate if not each.known)
        rows.append([gate, f"{len(known)} of {len(of_gate)}", ", ".join(runs), here])
    number = sum(each.known for each in claims)
    head = f"## Evidence: {number} of {len(claims)} results known"
    return f"{head}\n\n{table.markdown(['gate', 'known', 'of', 'proven now'], rows)}\n"


def _link(run: Run) -> str:
    when = f"{run.finished:%Y-%m-%d %H:%M}"
    return f"[{when}]({run.url})" if run.url.startswith("https://") else f"{when}, {run.machine}"
