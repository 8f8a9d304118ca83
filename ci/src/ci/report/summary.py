"""Summarize a run of the gates: images, results and durations."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ci import table
from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Image", "Step", "Summary", "sizes"]

SCHEMA = 2

_IMAGES = ["service", "digest", "size", "change", "image", "posture", "unit tests", "scan"]
_STEPS = ["step", "outcome", "seconds"]


@dataclass(frozen=True)
class Image:
    """An image: `size` in bytes as a registry counts, `built` whether this run built it."""

    service: str
    digest: str
    size: int
    built: bool
    posture: str
    tests: str
    scan: str


@dataclass(frozen=True)
class Step:
    """A step: its outcome, whether that is a failure, and its seconds."""

    name: str
    outcome: str
    failed: bool
    seconds: float


@dataclass(frozen=True)
class Summary:
    """A run; `earlier` maps services to image sizes of an earlier run, or is None."""

    images: Sequence[Image]
    steps: Sequence[Step]
    earlier: Mapping[str, int] | None = None

    @property
    def failed(self) -> list[str]:
        """The names of the steps that failed."""
        return [step.name for step in self.steps if step.failed]

    def text(self) -> str:
        """Format the tables for a terminal."""
        return "\n\n".join(
            [self._headline(), table.text(_IMAGES, self._images()), table.text(_STEPS, self._steps())]
        )

    def markdown(self, details: Sequence[str] = ()) -> str:
        """Format the tables for a job summary, followed by the sections of the gates."""
        parts = [
            f"# {self._headline()}",
            table.markdown(_IMAGES, self._images()),
            table.markdown(_STEPS, self._steps()),
            *details,
        ]
        return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"

    def json(self) -> str:
        """Format everything as JSON, which a later `--base` accepts."""
        data: dict[str, Any] = {
            "schema": SCHEMA,
            "failed": self.failed,
            "images": {image.service: asdict(image) for image in self.images},
            "steps": {step.name: asdict(step) for step in self.steps},
        }
        return json.dumps(data, indent=1) + "\n"

    def _headline(self) -> str:
        return f"Gate: failed in {', '.join(self.failed)}" if self.failed else "Gate: passed"

    def _images(self) -> list[list[str]]:
        return [
            [
                image.service,
                image.digest,
                table.megabytes(image.size),
                self._change(image),
                "built" if image.built else "cached",
                image.posture,
                image.tests,
                image.scan,
            ]
            for image in self.images
        ]

    def _change(self, image: Image) -> str:
        if self.earlier is None:
            return "-"
        before = self.earlier.get(image.service)
        if before is None:
            return "new"
        change = image.size - before
        return f"{change / 1000:+.1f} kB" if change else "none"

    def _steps(self) -> list[list[str]]:
        return [[step.name, step.outcome, f"{step.seconds:.1f}"] for step in self.steps]


def sizes(text: str) -> dict[str, int]:
    """Read the image sizes of an earlier summary.json by service, in bytes."""
    try:
        read = json.loads(text)
        if read["schema"] != SCHEMA:
            raise PipelineError(
                "report.base-wrong-schema",
                f"--base: summary.json has schema {read['schema']}, expected {SCHEMA}",
                hint="pass a report of this version of the pipeline",
            )
        return {name: int(image["size"]) for name, image in read["images"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PipelineError(
            "report.base-invalid",
            "--base: summary.json is not from a report",
            hint="pass the folder of an earlier run: report export --path report",
        ) from error
