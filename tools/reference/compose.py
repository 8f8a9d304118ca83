"""Generate the page of a stack's limits: rejected keys, and differences from a local Docker."""

from __future__ import annotations

from ci.project.limits import RULES
from tools.reference.markdown import header, table

__all__ = ["page"]

_WORDS = """\
Docker Compose runs the stack, in a sandbox with its own Docker Engine. So every key means what it means to
Compose, and there is no list of supported keys. `dagger call services` prints what is rejected or different
before anything runs.
"""
_FACTS = [
    [
        "owners of files",
        "files of the project belong to root, because Dagger uploads them as root; their modes do not change",
        "set the owner in the image, or in the service's command",
    ],
    [
        "files that are not uploaded",
        "`.env`, `.git`, `.venv` and caches are missing in bind mounts; `.env` is present with `--env-file`",
        "use `--env-file file:.env`; rename other such files",
    ],
    [
        "writes to a bind mount",
        "they are lost with the stack, because a copy is mounted",
        "read them from a service, or from its logs",
    ],
    [
        "a `.env` that Dagger reads",
        "Dagger reads the `.env` of the working directory like a shell, and fails on what a shell rejects",
        "call from another folder with `-m` and `--source`: docs/how-to/debug-a-failing-stack.md",
    ],
    [
        "published UDP ports, and ports whose number Docker chooses",
        "`stack ports up` does not open them; a Dagger service that binds the stack can reach them",
        "publish a TCP port with a fixed number",
    ],
    [
        "`host_ip` of a published port",
        "`stack ports up` listens at the addresses of Dagger's command and ignores `host_ip`",
        "use the port alone",
    ],
    [
        "time",
        "a service has `--start-timeout` seconds to start, and `--stop-timeout` seconds to stop",
        "increase these options",
    ],
    [
        "`external` volumes and networks",
        "they are created empty",
        "fill a volume with a service that others depend on",
    ],
    [
        "`host` as a network, PID or IPC mode",
        "it is the sandbox's, not this machine's",
        "services of the same stack do not need it",
    ],
]


def page() -> str:
    """Generate the text of the page."""
    lines = header("Limits of a stack", "`ci/src/ci/project/limits.py`")
    rules = [[rule.keys, rule.reason, rule.way_out] for rule in RULES]
    lines += [_WORDS, "## Rejected", "", *table(["key", "reason", "alternative"], rules), ""]
    lines += ["## Different", "", *table(["topic", "difference", "alternative"], _FACTS)]
    return "\n".join(lines).rstrip() + "\n"
