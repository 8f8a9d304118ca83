"""Run the fixtures in this pipeline's stack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.oracle import stacks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger


# The observation of a container that does not exist.
ABSENT: dict[str, Any] = {"exit": None, "starts": 0, "lines": []}


def run(dagger: Dagger, stack: str, folder: Path) -> dict[str, Any]:
    """Run a stack, stop it, and return the observations of each container."""
    project, output = folder / "project", folder / "output"
    files = [word for file in stacks.project(stack, project) for word in ("--files", file)]
    values = folder / "values.env"
    values.write_text("".join(f"{name}={value}\n" for name, value in stacks.VALUES.items()))
    called = dagger.call(
        *("--source", str(project), "--env-file", f"file:{values}", *files),
        *("stack", "logs", "export", "--path", str(output)),
    )
    assert called.code == 0, called.error
    assert not (output / "error.txt").exists(), (output / "error.txt").read_text()
    found = {_name(each): each for each in json.loads((output / "inspect.json").read_text())}
    return {
        name: stacks.observed(
            (output / f"{name}.log").read_text(), each["State"]["ExitCode"], each["RestartCount"] + 1
        )
        for name, each in sorted(found.items())
        if name not in stacks.HELPERS
    }


def _name(container: dict[str, Any]) -> str:
    labels = container["Config"]["Labels"]
    service, number = labels["com.docker.compose.service"], labels["com.docker.compose.container-number"]
    return str(service) if number == "1" else f"{service}-{number}"
