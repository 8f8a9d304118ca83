"""What the sandbox's volume holds."""

from __future__ import annotations

import secrets as random
from typing import TYPE_CHECKING

from ci.report import table
from ci.sandbox import container as sandbox

if TYPE_CHECKING:
    from ci.build.builder import Builder

__all__ = ["render", "rows"]

_HEADER = ["data", "is", "size"]


async def render(builder: Builder, *, empty: bool) -> str:
    """Return the slots as a table; with `empty` what is in the free ones is removed first."""
    container = sandbox.container(builder, "sandbox_usage.sh").with_env_variable("NOW", random.token_hex(6))
    command = ["/ci/sandbox_usage.sh", "empty" if empty else "show"]
    return rows(await container.with_exec(command).stdout())


def rows(lines: str) -> str:
    """Return the table of what `container_scripts/sandbox_usage.sh` printed."""
    slots = [line.split() for line in lines.splitlines()]
    if not slots:
        return "the sandbox has no data: nothing was built on this engine"
    return table.text(
        _HEADER,
        [[name, use, table.megabytes(int(size) * 1024)] for name, use, size in slots],
    )
