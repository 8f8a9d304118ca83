"""Format measurements as a table, as JSON and as a chart."""

from __future__ import annotations

import math
import statistics
from html import escape
from typing import TYPE_CHECKING, Any

from bench.measure import spread

if TYPE_CHECKING:
    from bench.measure import Cost

_COLOURS = {"ours": "#1f77b4", "peer": "#999999"}
_WIDTH, _LEFT, _ROW = 760, 150, 22


def summary(costs: list[Cost]) -> dict[str, Any]:
    """Return median, minimum and maximum of seconds, medians of other costs, and every run."""
    good = [cost for cost in costs if cost.exit_code == 0]
    if not good:
        return {"runs": [cost.as_dict() for cost in costs]}
    return {
        **spread([cost.seconds for cost in good]),
        "cpu": round(statistics.median(cost.cpu for cost in good), 1),
        "network": statistics.median_low(cost.network for cost in good),
        "memory": statistics.median_low(cost.memory for cost in good),
        "disk": statistics.median_low(cost.disk for cost in good),
        "runs": [cost.as_dict() for cost in costs],
    }


def table(cases: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Format a Markdown table; the factor is the peer's median divided by ours."""
    lines = [
        "| case | side | runs | median s | spread | factor | CPU s | network MB | memory MB | disk MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case, sides in cases.items():
        for side, seen in sides.items():
            if "median" not in seen:
                lines.append(f"| {case} | {side} | {len(seen['runs'])} failed | | | | | | | |")
                continue
            other = sides.get("peer", {}).get("median")
            factor = f"{other / seen['median']:.1f}" if side == "ours" and other else ""
            megabytes = " | ".join(f"{seen[key] / 1e6:.0f}" for key in ("network", "memory", "disk"))
            spread = f"{seen['least']:.1f} to {seen['most']:.1f}"
            lines.append(
                f"| {case} | {side} | {len(seen['runs'])} | {seen['median']:.1f} | {spread} | {factor} "
                f"| {seen['cpu']:.0f} | {megabytes} |"
            )
    return "\n".join(lines)


def chart(cases: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Draw an SVG with a bar per case and side, in seconds on a logarithmic scale, and spreads as lines."""
    bars = [
        (case, side, seen)
        for case, sides in cases.items()
        for side, seen in sides.items()
        if "median" in seen
    ]
    longest = max((seen["most"] for _, _, seen in bars), default=10.0)
    decades = max(1, math.ceil(math.log10(longest)))
    scale = (_WIDTH - _LEFT - 70) / decades

    def place(seconds: float) -> float:
        return _LEFT + scale * max(0.0, math.log10(max(seconds, 1.0)))

    height = 30 + _ROW * len(bars)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    for decade in range(decades + 1):
        at = place(10.0**decade)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="20" y2="{height}" stroke="#ddd"/>')
        parts.append(f'<text x="{at:.1f}" y="14" text-anchor="middle">{10**decade} s</text>')
    for row, (case, side, seen) in enumerate(bars):
        top = 26 + _ROW * row
        end, middle = place(seen["median"]), top + 7
        parts.append(
            f'<text x="{_LEFT - 8}" y="{top + 11}" text-anchor="end">{escape(f"{case}, {side}")}</text>'
        )
        parts.append(
            f'<rect x="{_LEFT}" y="{top}" width="{end - _LEFT:.1f}" height="14" fill="{_COLOURS[side]}"/>'
        )
        least, most = place(seen["least"]), place(seen["most"])
        parts.append(f'<line x1="{least:.1f}" x2="{most:.1f}" y1="{middle}" y2="{middle}" stroke="black"/>')
        parts.append(f'<text x="{max(most, end) + 6:.1f}" y="{top + 11}">{seen["median"]:.1f}</text>')
    return "\n".join([*parts, "</svg>", ""])
