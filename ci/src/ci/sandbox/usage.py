"""Show the contents of the sandbox's volume."""

from __future__ import annotations

import secrets as random
from typing import TYPE_CHECKING

from ci import table
from ci.sandbox import container as sandbox

if TYPE_CHECKING:
    from ci.workspace import Workspace

__all__ = ["render", "rows"]

_HEADER = ["data", "is", "size"]


async def render(workspace: Workspace, *, empty: bool) -> str:
    """Return the table of slots; with `empty` remove the contents of free slots first."""
    container = sandbox.container(workspace, "sandbox_usage.sh").with_env_variable("NOW", random.token_hex(6))
    command = ["/ci/sandbox_usage.sh", "empty" if empty else "show"]
    return rows(await container.with_exec(command).stdout())


def rows(lines: str) -> str:
    """Format the output of `container_scripts/sandbox_usage.sh` as a table."""
    slots = [line.split() for line in lines.splitlines()]
    if not slots:
        return "the sandbox has no data: nothing was built on this engine"
    return table.text(
        _HEADER,
        [[name, use, table.megabytes(int(size) * 1024)] for name, use, size in slots],
    )
