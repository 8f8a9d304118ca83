"""The `dagger` that users get: asks the engine's socket before Dagger's CLI would wait ten minutes for it.

    launcher.py CLI SOCKET ARGUMENTS...

It runs before every call, without site-packages and by itself, so it imports next to nothing.
"""

import os
import sys
from _socket import AF_UNIX, SOCK_STREAM, socket  # `socket` itself takes 15 ms to import

_OFFLINE = {"version", "help", "completion", "-h", "--help", "--version"}


def main() -> None:
    """Become the CLI, or say that there is no engine and end with 1."""
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
