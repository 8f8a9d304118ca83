"""`python3 -m bench.peer COMMAND`: a real Docker with a copy of this repository.

up | down | reset     start it; stop it; stop it and remove everything it created
run COMMAND...        run a command in its root and network
project               provide stand-in images, Trivy, a registry, and a copy of this repository
compose WORDS...      run `docker compose WORDS` with compose.yaml and the stand-ins
pipeline              run the peer's pipeline
"""

from __future__ import annotations

import os
import subprocess
import sys

from airgap.errors import AirgapError
from airgap.progress import Progress
from airgap.state import State
from bench.peer import project
from bench.peer.docker import REGISTRY, Docker, default_state

TAG = "sha-1234567"


def main(argv: list[str]) -> int:
    """Run one command and return its exit code."""
    docker = Docker(State(default_state()), Progress())
    folder = docker.shared / "project"
    match argv:
        case ["up"]:
            docker.up()
        case ["down"]:
            docker.down()
        case ["reset"]:
            docker.reset()
        case ["run", *words] if words:
            return subprocess.run(docker.command(words), check=False).returncode
        case ["project"]:
            docker.up()
            project.equip(docker, os.environ.get("CI_REGISTRY", "127.0.0.1:5000"))
            project.checkout(folder)
            left_out = project.prepare(docker, folder, TAG)
            docker.say(
                f"ready: {folder}; left out because no image is available: {', '.join(left_out) or 'nothing'}"
            )
        case ["compose", *words] if words:
            command = ["docker", "compose", "-f", "compose.yaml", "-f", project.STAND_INS, *words]
            return subprocess.run(docker.command(command, folder=folder), check=False).returncode
        case ["pipeline"]:
            command = project.pipeline(f"{REGISTRY}/aip", TAG)
            return subprocess.run(docker.command(command, folder=folder), check=False).returncode
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except AirgapError as error:
        print(f"peer: error: {error}", file=sys.stderr)
        sys.exit(1)
