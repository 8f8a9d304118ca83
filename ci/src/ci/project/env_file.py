"""Read --env-file in the module's own process, so that no cache or trace contains its values."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from ci import tools
from ci.container_scripts import compose_env_file
from ci.errors import PipelineError

if TYPE_CHECKING:
    from ci.workspace import Workspace

__all__ = ["read", "unreadable", "values"]

_COMPOSE = Path(tempfile.gettempdir(), "docker-compose")
_read: dict[str, dict[str, str]] = {}


async def values(workspace: Workspace) -> dict[str, str]:
    """Read the values of the workspace's env file."""
    if workspace.env_file is None:
        return {}
    text = await workspace.env_file.plaintext()
    if text not in _read:
        if not await anyio.Path(_COMPOSE).exists():
            await workspace.tool(tools.COMPOSE).file("/docker-compose").export(str(_COMPOSE))
        _read[text] = await anyio.to_thread.run_sync(partial(read, str(_COMPOSE), text))
    return _read[text]


def read(binary: str, text: str) -> dict[str, str]:
    """Parse an env file with Compose. An error names the line, but no value."""
    with tempfile.TemporaryDirectory() as folder:  # only accessible to its owner
        path = Path(folder, "values")
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        try:
            return compose_env_file.read(binary, path)
        except compose_env_file.EnvFileError as error:
            raise unreadable(str(error)) from None  # because its cause contains the values


def unreadable(reason: str) -> PipelineError:
    """Return the error of an env file that Compose cannot read."""
    return PipelineError(
        "env-file.unreadable",
        f"--env-file: Compose cannot read it: {reason}",
        hint="fix that line; its values are hidden here",
    )
