"""Dagger's engine in a Docker Engine: as its CLI starts it, and as a page says for one that a team shares.

The engine's image is a stand-in for the official one. The Docker Engine is a real one, from Debian packages.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from airgap.engineimage import REFERENCE
from airgap.progress import Progress
from airgap.settings import VERSION, from_environment
from tests.docs.pages import DOCS
from tests.engine.client import ROOT
from tools.docker_path.machine import CONTAINER, LINK, Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.engine, pytest.mark.long]

PAGE = DOCS / "how-to" / "one-engine-for-a-team.md"
NAME = "dagger-engine"  # the container's on the page
LIMIT = 300  # seconds


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine with Docker; stopped at the end only if it was started here."""
    machine = Machine(from_environment(os.environ), Progress())
    before = machine.docker.daemon.process()
    machine.up()
    yield machine
    if before is None:
        machine.down()


def dagger(machine: Machine, *words: str, **env: str) -> str:
    """Run the CLI of that machine, which knows no engine but the one that ``env`` names."""
    known = {name: value for name, value in os.environ.items() if "DAGGER" not in name}
    path = f"{machine.programs}:{os.environ['PATH']}"
    done = subprocess.run(
        ["dagger", "--progress=plain", *words],
        cwd=ROOT,
        env={**known, **machine.variables(), "PATH": path, "DO_NOT_TRACK": "1", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def inspect(machine: Machine, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(machine.docker.run("docker", "inspect", name).stdout)[0]
    return found


def test_the_cli_starts_the_engine_from_the_image_that_is_there(machine: Machine) -> None:
    assert dagger(machine, "core", "version").strip() == VERSION
    container = inspect(machine, CONTAINER)
    assert container["Config"]["Image"] == REFERENCE
    assert container["State"]["Running"]
    assert container["HostConfig"]["Privileged"]
    labels = container["Config"]["Labels"]
    assert labels["io.dagger-airgap.stand-in"].startswith(f"{REFERENCE}: ")


def test_containers_of_the_engine_have_the_control_groups_of_the_machine(machine: Machine) -> None:
    image = ("--address", "docker.io/library/debian:trixie-slim")
    seen = dagger(
        *(machine, "core", "container", "from", *image),
        *("with-exec", "--args", "cat,/proc/self/cgroup", "stdout"),
    )
    version = machine.docker.run("docker", "info", "--format", "{{.CgroupVersion}}").stdout.strip()
    controllers = {line.split(":")[1] for line in seen.split()}
    assert version in {"1", "2"}
    assert ("memory" in controllers) == (version == "1"), seen


def test_the_page_s_command_starts_an_engine_that_a_team_shares(machine: Machine) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    command = next(block for block in blocks if "docker run" in block).replace("\\\n", "")
    # The test's client is outside of the Docker Engine's network.
    words = shlex.split(command.replace("127.0.0.1:1234:1234", "1234:1234"))
    assert "1234:1234" in words
    remove = ("docker", "rm", "--force", "--volumes", NAME)
    machine.docker.run(*remove, check=False)
    machine.docker.run(*words)
    try:
        address = f"tcp://{LINK.address}:1234"
        given = {"_EXPERIMENTAL_DAGGER_RUNNER_HOST": address}
        assert dagger(machine, "core", "version", **given).strip() == VERSION
        there = machine.docker.run("docker", "exec", NAME, "ls", "/var/lib/dagger").stdout
        assert "worker" in there.split(), there
    finally:
        machine.docker.run("docker", "stop", "--time", "60", NAME)
        machine.docker.run(*remove)
        machine.docker.run("docker", "volume", "rm", NAME)
