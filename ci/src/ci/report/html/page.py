"""Render the report of a run as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ci.report.html import figures, graph, tables
from ci.report.html.overview import overview
from ci.report.html.treemap import treemap
from ci.report.html.trend import trends
from ci.report.timeline import timeline
from ci.report.verdict import reasons

if TYPE_CHECKING:
    from ci.report.model import Run

__all__ = ["render"]

_TEMPLATES = Path(__file__).parent / "templates"
# Width to height of a treemap, as style.css has it on a wide screen.
_RATIO = 5.0


def render(run: Run) -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {**figures.filters, "text": _text, "anchor": _anchor}
    environment.globals |= {"figure": figures.figure, "total": figures.total}
    return environment.get_template("page.html.j2").render(run=run, **_drawn(run)) + "\n"


def _drawn(run: Run) -> dict[str, Any]:
    """Return what the templates show beside the run itself."""
    script = (_TEMPLATES / "page.js").read_text(encoding="utf-8")
    posture, plan = run.posture, run.plan
    coverage = {suite: list(files) for suite, files in groupby(run.coverage, lambda each: each.suite)}
    return {
        "style": Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        "script": Markup(script),  # noqa: S704 - our own file
        # The only script that a browser runs in the page, whatever a log contains.
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "reasons": reasons(run),
        "timeline": timeline(run),
        "overview": overview(run),
        "trends": trends(run.history),
        "treemaps": {
            name: treemap([layer.size for layer in image.layers], _RATIO)
            for name, image in (posture.images if posture else {}).items()
        },
        "graph": graph.graph({each.name: each.waits_for for each in plan.services}) if plan else None,
        "span": max((each.ended or each.started for each in run.lives.values()), default=0.0),
        "box": (graph.WIDTH, graph.HEIGHT),
        "networks": _networks(run),
        "coverage": {
            suite: (sum(each.ran for each in files), sum(each.lines for each in files))
            for suite, files in coverage.items()
        },
        "findings_table": tables.findings(run),
        "tests_table": tables.tests(run),
        "coverage_table": tables.coverage(run),
    }


def _networks(run: Run) -> dict[str, int]:
    """Return a number for each network, which chooses its color."""
    services = run.plan.services if run.plan else ()
    names = sorted({name for each in services for name in each.networks})
    return {name: number for number, name in enumerate(names)}


def _text(value: str) -> Markup:
    """Escape a long text for the content of an element, where quotes may stay as they are."""
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markup(escaped)  # noqa: S704 - it was escaped


def _anchor(value: str) -> str:
    """Return an id for a name."""
    return "".join(character if character.isalnum() else "-" for character in value).strip("-")
