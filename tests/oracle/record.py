"""Record how Docker runs the fixtures: `python -m tests.oracle.record [STACK...]`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

from airgap.errors import AirgapError
from airgap.progress import Progress
from bench.peer import images
from bench.peer.docker import Docker, running
from tests.oracle import stacks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROJECT = "oracle"
PYTHON = "python:3.13-slim-trixie"


def record(docker: Docker, stack: str) -> dict[str, Any]:
    """Run a stack as a user would, stop it, and return the observations of each container."""
    folder = docker.shared / "oracle"
    shutil.rmtree(folder, ignore_errors=True)
    files = [word for file in stacks.project(stack, folder) for word in ("-f", file)]
    docker.run("docker", "build", "--quiet", "--tag", stacks.IMAGE, "image", folder=folder)

    def compose(*words: str) -> str:
        command = ("docker", "compose", "--project-name", PROJECT, *files, *words)
        return docker.run(*command, folder=folder, env=stacks.VALUES).stdout

    compose("down", "--volumes", "--remove-orphans", "--timeout", "1")
    try:
        compose("up", "--detach", "--no-build")
        docker.run("docker", "wait", f"{PROJECT}-{stacks.ENDING}-1")
        compose("stop")
        return {
            name: _seen(docker, found)
            for name, found in sorted(_containers(compose).items())
            if name not in stacks.HELPERS
        }
    finally:
        compose("down", "--volumes", "--remove-orphans", "--timeout", "1")


def _containers(compose: Callable[..., str]) -> dict[str, dict[str, Any]]:
    """Return the containers by service, with a number after a service's first."""
    found: dict[str, dict[str, Any]] = {}
    for line in compose("ps", "--all", "--format", "json").splitlines():
        each = json.loads(line)
        number = each["Name"].removeprefix(f"{PROJECT}-{each['Service']}-")
        found[f"{each['Service']}-{number}" if number.isdigit() and number != "1" else each["Service"]] = each
    return found


def _seen(docker: Docker, container: dict[str, Any]) -> dict[str, Any]:
    state = json.loads(docker.run("docker", "inspect", container["ID"]).stdout)[0]
    log = docker.run("docker", "logs", container["ID"])
    return stacks.observed(log.stdout + log.stderr, state["State"]["ExitCode"], state["RestartCount"] + 1)


def write(folder: Path, stack: str, seen: dict[str, Any]) -> None:
    """Write one stack's record."""
    (folder / f"{stack}.json").write_text(json.dumps(seen, indent=1, sort_keys=True) + "\n")


def main(chosen: list[str]) -> None:
    """Record the named stacks, or all."""
    say = Progress()
    with running(say) as docker:
        images.load(docker, os.environ.get("CI_REGISTRY", "127.0.0.1:5000"), [PYTHON])
        for stack in chosen or stacks.STACKS:
            say(f"recording {stack}")
            write(stacks.RECORDED, stack, record(docker, stack))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except AirgapError as error:
        sys.exit(f"record: error: {error}")
