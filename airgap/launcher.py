"""The `dagger` that users run: fail fast if the engine's socket does not answer.

    launcher.py CLI SOCKET ARGUMENTS...

Dagger's CLI alone would wait ten minutes. This runs before every call, as a single file and without
site-packages, so it imports as little as possible.
"""

import os
import sys
from _socket import AF_UNIX, SOCK_STREAM, socket  # `socket` itself takes 15 ms to import

_OFFLINE = {"version", "help", "completion", "-h", "--help", "--version"}


def main() -> None:
    """Replace this process by the CLI, or exit with 1 if no engine answers."""
    _, cli, path, *arguments = sys.argv
    ours = os.environ.get("_EXPERIMENTAL_DAGGER_RUNNER_HOST") == f"unix://{path}"
    if ours and not _OFFLINE.intersection(arguments[:1]):
        try:
            socket(AF_UNIX, SOCK_STREAM).connect(path)
        except OSError:
            sys.stderr.write(f"no Dagger engine at unix://{path}: run python3 -m airgap up\n")
            sys.exit(1)
    os.execv(cli, ("dagger", *arguments))  # noqa: S606 - there is no shell, and none is wanted


main()
