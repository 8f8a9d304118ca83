"""`python3 -m tools.docker_path COMMAND`: a Docker Engine that has the image of Dagger's engine.

up       start it beside the air-gapped engine, whose programs, base images and registry it uses
env      print exports for a shell: eval "$(python3 -m tools.docker_path env)"
status   print what runs, and the version of the control groups
down     stop it; images and the engine's cache are preserved
reset    stop it and remove everything it created
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from airgap.errors import AirgapError
from airgap.exports import shell
from airgap.progress import Progress
from airgap.settings import from_environment
from tools.docker_path.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    machine = Machine(from_environment(os.environ), Progress())
    match argv:
        case ["up"]:
            machine.up()
        case ["env"]:
            print(shell(machine.variables(), path=machine.programs), end="")
        case ["status"]:
            print(machine.status())
        case ["down"]:
            machine.down()
        case ["reset"]:
            machine.reset()
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except AirgapError as error:
        print(f"docker_path: error: {error}", file=sys.stderr)
        if sys.argv[1:] == ["env"]:
            print("false")  # for the shell: eval "$(...)" would otherwise succeed
        sys.exit(1)
