"""What this pipeline's stack does with the fixtures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.oracle import stacks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger


# What is seen of a container that there is not.
ABSENT: dict[str, Any] = {"exit": None, "starts": 0, "lines": []}


def run(dagger: Dagger, stack: str, folder: Path) -> dict[str, Any]:
    """Run a stack, stop it, and return what each container did."""
    project, output = folder / "project", folder / "output"
    files = [word for file in stacks.project(stack, project) for word in ("--files", file)]
    values = folder / "values.env"
    values.write_text("".join(f"{name}={value}\n" for name, value in stacks.VALUES.items()))
    called = dagger.call(
        *("--source", str(project), "stack", *files, "--env-file", f"file:{values}"),
        *("logs", "export", "--path", str(output)),
    )
    assert called.code == 0, called.error
    outcomes = json.loads((output / "outcomes.json").read_text())
    return {
        log.stem: stacks.observed(
            log.read_text(), outcomes[log.stem]["exit_code"], outcomes[log.stem]["starts"]
        )
        for log in sorted(output.glob("*.log"))
        if log.stem in outcomes and log.stem not in stacks.HELPERS
    }
