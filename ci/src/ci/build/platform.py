"""The platform to build for: refused if this engine cannot run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci import tools
from ci.errors import PipelineError

if TYPE_CHECKING:
    from ci.workspace import Workspace

__all__ = ["check"]

# Names of architectures: as in platforms, and as the kernel reports them.
_MACHINES = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "arm": "armv7l",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}


async def check(workspace: Workspace) -> None:
    """Reject a platform that the engine cannot run, before anything is built."""
    own_platform = str(await dag.default_platform())
    if workspace.platform in ("", own_platform):
        return
    machine = _MACHINES.get(workspace.platform.split("/")[1] if "/" in workspace.platform else "", "")
    try:
        container = dag.container(platform=dagger.Platform(workspace.platform))
        resolved = workspace.images.resolve(tools.PYTHON, where="tool image") or tools.PYTHON
        command = ["python3", "-c", "import platform; print(platform.machine())"]
        runs = (await container.from_(resolved).with_exec(command).stdout()).strip()
        reason = f"{tools.PYTHON.partition('@')[0]} is there for {runs} only"
    except dagger.QueryError as error:
        runs, reason = "", str(error)
    # The engine silently uses an image's only platform, so check what actually runs.
    if not machine or runs != machine:
        raise PipelineError(
            "build.platform-unavailable",
            f"--platform {workspace.platform}: this engine runs {own_platform} and cannot emulate it",
            details=reason,
            hint="use an engine of that platform, or one whose host emulates it (binfmt); "
            f"known are {', '.join(f'linux/{name}' for name in _MACHINES)}",
        )
