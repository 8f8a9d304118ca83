"""Tables of builds and tests."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ci import table
from ci.errors import PipelineError
from ci.testing import results

if TYPE_CHECKING:
    from ci.build.image import BuiltImage

__all__ = ["built", "built_files", "test_files", "tested"]


def built(artifacts: dict[str, BuiltImage]) -> str:
    """Return the table of images. `made` distinguishes new images from cached ones."""
    rows = [
        [
            name,
            artifact.digest,
            table.megabytes(artifact.facts["size"]),
            str(len(artifact.facts["layers"])),
            str(artifact.facts["config"]["config"].get("User", "") or "root"),
            f"{artifact.seconds:.1f} s",
            datetime.fromtimestamp(artifact.exported_at, UTC).strftime("%Y-%m-%d %H:%M:%SZ"),
        ]
        for name, artifact in artifacts.items()
    ]
    text = table.text(["service", "digest", "size", "layers", "user", "took", "made"], rows)
    notes = dict.fromkeys(artifact.cache_note for artifact in artifacts.values())
    return "\n".join([text, *filter(None, notes)])


def built_files(artifacts: dict[str, BuiltImage], recorded: str) -> dict[str, str]:
    """Return the files of the build report by name; `recorded` is build.json, see `ci.build.comparison`."""
    rows = [
        [name, artifact.digest, table.megabytes(artifact.facts["size"]), str(artifact.base or "scratch")]
        for name, artifact in artifacts.items()
    ]
    markdown = table.markdown(["service", "digest", "size", "base"], rows)
    return {
        "build.txt": built(artifacts) + "\n",
        "build.md": f"## Images\n\n{markdown}\n",
        "build.json": recorded,
    }


def test_files(done: list[results.Result], coverage: dict[str, str]) -> dict[str, str]:
    """Return the table of tests as text, Markdown and JSON. Failures are reported, not raised."""
    header = [*results.HEADER, "coverage"]
    rows = [[*result.row, coverage[result.name]] for result in done]
    word = "failed" if any(result.failure for result in done) else "passed"
    data = {
        result.name: {
            **asdict(result),
            "output": f"{result.name}/output.txt",
            "coverage": coverage[result.name],
        }
        for result in done
    }
    return {
        "tests.txt": table.text(header, rows) + "\n",
        "tests.md": f"## Unit tests: {word}\n\n{table.markdown(header, rows)}\n",
        "tests.json": json.dumps({"schema": 2, "services": data}, indent=1) + "\n",
    }


def tested(done: list[results.Result]) -> str:
    """Return the table of tests. Raise with the output of failed ones."""
    text = table.text(results.HEADER, results.rows(done))
    failed = [result for result in done if result.failure]
    if failed:
        raise PipelineError(
            "test.failed",
            f"tests: {', '.join(f'{result.name}: {result.failure}' for result in failed)}",
            details="\n".join((text, *(f"--- {result.name}\n{result.output}" for result in failed))),
            hint="fix the tests above; `--only` runs the tests of one service",
        )
    return text
