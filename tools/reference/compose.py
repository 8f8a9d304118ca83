"""The page of what a stack cannot have: what is refused, and what is another thing than on a machine."""

from __future__ import annotations

from ci.project.limits import RULES
from tools.reference.markdown import header, table

__all__ = ["page"]

_WORDS = """\
Docker Compose itself runs a stack, in a sandbox with a Docker Engine of its own. So a key means what it means
to Compose, and there is no list of supported keys. `dagger call services` prints what is refused or different
before anything runs.
"""
_FACTS = [
    [
        "owners of files",
        "files of the project belong to root, because Dagger uploads them as root; their modes are kept",
        "set the owner in the image, or in the service's command",
    ],
    [
        "files that are not uploaded",
        "`.env`, `.git`, `.venv` and caches are not in a bind mount; `.env` is there with `--env-file`",
        "`--env-file file:.env`; give other such files another name",
    ],
    [
        "writes to a bind mount",
        "they end with the stack: what is mounted is a copy",
        "read them from a service, or from its log",
    ],
    [
        "a `.env` that Dagger reads",
        "Dagger reads the `.env` of the working directory as a shell would, and fails on what that refuses",
        "call it from another folder, with `-m` and `--source`: docs/how-to/debug-a-failing-stack.md",
    ],
    [
        "published UDP ports, and ports whose number Docker chooses",
        "`stack ports up` does not open them; a service that binds the stack reaches them",
        "publish TCP, with a number",
    ],
    [
        "`host_ip` of a published port",
        "`stack ports up` listens where Dagger's command does, whatever the address",
        "use the port alone",
    ],
    [
        "time",
        "a service has `--start-timeout` seconds to be up, and `--stop-timeout` to stop",
        "give more with these options",
    ],
    [
        "`external` volumes and networks",
        "they are created, empty",
        "fill a volume with a service that others depend on",
    ],
    [
        "`host` as a network, PID or IPC mode",
        "it is the sandbox's, so nothing of this machine is seen",
        "none is needed for services of the same stack",
    ],
]


def page() -> str:
    """Return the page's text."""
    lines = header("Limits of a stack", "`ci/src/ci/compose/limits.py`")
    rules = [[rule.keys, rule.reason, rule.way_out] for rule in RULES]
    lines += [_WORDS, "## Refused", "", *table(["what", "why", "way out"], rules), ""]
    lines += ["## Different", "", *table(["what", "how", "way out"], _FACTS)]
    return "\n".join(lines).rstrip() + "\n"
