"""The verdict of a run as tables for a terminal and as summary.json, which a later `--base` reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from ci import table
from ci.errors import PipelineError
from ci.report.documents import Summary

if TYPE_CHECKING:
    from ci.report.documents import Image

__all__ = [
    "IMAGES",
    "SCHEMA",
    "STEPS",
    "change",
    "headline",
    "image_rows",
    "read",
    "skipped",
    "step_rows",
    "text",
    "write",
]

SCHEMA = 2

IMAGES = ["service", "digest", "size", "change", "image", "posture", "unit tests", "scan"]
STEPS = ["step", "outcome", "seconds"]


class _Head(Struct, frozen=True):
    """What every version of summary.json has."""

    schema: int


def headline(summary: Summary) -> str:
    """Return the verdict in one line."""
    return f"Gate: failed in {', '.join(summary.failed)}" if summary.failed else "Gate: passed"


def text(summary: Summary, earlier: Summary | None) -> str:
    """Format the tables for a terminal."""
    images = table.text(IMAGES, image_rows(summary, earlier))
    steps = table.text(STEPS, step_rows(summary))
    return "\n\n".join(filter(None, [headline(summary), images, steps, "\n".join(skipped(summary))]))


def skipped(summary: Summary) -> list[str]:
    """Say which gates did not run for an image, because the engine does not run its platform."""
    return [
        f"skipped: {name}: {', '.join(image.skipped)}"
        for name, image in summary.images.items()
        if image.skipped
    ]


def image_rows(summary: Summary, earlier: Summary | None) -> list[list[str]]:
    """Return a row for each image."""
    return [
        [
            name,
            image.digest,
            table.megabytes(image.size),
            change(image, earlier),
            "built" if image.built else "cached",
            image.posture,
            image.tests,
            image.scan,
        ]
        for name, image in summary.images.items()
    ]


def change(image: Image, earlier: Summary | None) -> str:
    """Describe how an image's size changed since an earlier run."""
    if earlier is None:
        return "-"
    before = earlier.images.get(image.service)
    if before is None:
        return "new"
    difference = image.size - before.size
    return f"{difference / 1000:+.1f} kB" if difference else "none"


def step_rows(summary: Summary) -> list[list[str]]:
    """Return a row for each step."""
    return [[name, step.outcome, f"{step.seconds:.1f}"] for name, step in summary.steps.items()]


def write(summary: Summary) -> str:
    """Format summary.json."""
    return msgspec.json.format(msgspec.json.encode(summary), indent=1).decode() + "\n"


def read(text: str) -> Summary:
    """Read the summary.json of an earlier run. Raise for any other file."""
    try:
        if (schema := msgspec.json.decode(text, type=_Head).schema) != SCHEMA:
            raise PipelineError(
                "report.base-wrong-schema",
                f"--base: summary.json has schema {schema}, expected {SCHEMA}",
                hint="pass a report of this version of the pipeline",
            )
        return msgspec.json.decode(text, type=Summary)
    except msgspec.DecodeError as error:
        raise PipelineError(
            "report.base-invalid",
            f"--base: summary.json is not from a report: {error}",
            hint="pass the folder of an earlier run: report export --path report",
        ) from error
