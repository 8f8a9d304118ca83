"""The command line of `python3 -m airgap`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from airgap import verbs
from airgap.errors import AirgapError
from airgap.settings import HELP, VERSION, from_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airgap.settings import Settings

DESCRIPTION = f"""\
A Dagger {VERSION} engine, a registry and base images, built only from Go modules, Debian packages and wheels.
"""


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code: 0, 1 after an error, 130 or 143 when interrupted.

    Errors go to stderr. Usage errors exit with 2.
    """
    verb = _parse(argv)
    try:
        verb(from_environment(os.environ))
    except (AirgapError, OSError) as error:
        print(f"airgap: error: {error}", file=sys.stderr)
        if argv[0] == "env":
            print("false")  # for the shell: eval "$(...)" would otherwise succeed
        return error.exit_code if isinstance(error, AirgapError) else 1
    return 0


def _parse(argv: Sequence[str]) -> Callable[[Settings], None]:
    parser = argparse.ArgumentParser(
        prog="python3 -m airgap",
        description=DESCRIPTION,
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verbs_of = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return verbs_of.add_parser(name, help=text, description=text, allow_abbrev=False)

    verb("up", "start the engine, the registry and what they need, and leave them running")
    down = verb("down", "stop everything; the engine's cache is preserved")
    status = verb("status", "show steps, engine, registry, images, paths and disk usage")
    status.add_argument("--json", action="store_true", help="as JSON")
    env = verb("env", 'print exports for a shell, or "false" after an error: eval "$(python3 -m airgap env)"')
    env.add_argument(
        "--auto", action="store_true", help="choose an engine; start the air-gapped one if chosen"
    )
    reset = verb("reset", "stop everything and remove all files it created")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    for each in (down, reset):
        each.add_argument(
            "--force", action="store_true", help="kill processes that do not stop; loses the engine's cache"
        )
    arguments = parser.parse_args(argv)
    return {
        "up": verbs.up,
        "down": lambda settings: verbs.down(settings, force=arguments.force),
        "status": lambda settings: verbs.show_status(settings, as_json=arguments.json),
        "env": lambda settings: verbs.show_env(settings, auto=arguments.auto),
        "reset": lambda settings: verbs.reset(settings, yes=arguments.yes, force=arguments.force),
    }[arguments.verb]
