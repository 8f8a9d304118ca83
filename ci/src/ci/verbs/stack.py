"""The compose project, running."""

from __future__ import annotations

from typing import Annotated

import dagger
from dagger import Doc

from ci._dagger import function, up
from ci.stack.verbs import ComposeStack
from ci.user_errors import user_errors
from ci.verbs.arguments import Files, Profiles, ProjectDirectory, StartTimeout, StopTimeout
from ci.verbs.base import Base

__all__ = ["Stack"]


class Stack(Base):
    """Stacks of any project."""

    @function()
    @user_errors
    async def stack(
        self,
        files: Files = None,
        profiles: Profiles = None,
        project_directory: ProjectDirectory = ".",
        only: Annotated[list[str] | None, Doc("Services to run, with what they need; default: all")] = None,
        start_timeout: StartTimeout = 120,
        stop_timeout: StopTimeout = 10,
    ) -> ComposeStack:
        """Return the compose project as a stack, for `check`, `logs`, `ports up` and `service`."""
        return ComposeStack(
            source=self.source,
            images=await self._images(),
            files=files or [],
            profiles=profiles or [],
            folder=project_directory,
            only=only or [],
            env_file=self.env_file,
            docker_config=self.docker_config,
            ssh_agent=self.ssh_agent,
            start_timeout=start_timeout,
            stop_timeout=stop_timeout,
        )

    @up
    @function(cache="never")
    @user_errors
    async def up(self) -> dagger.Service:
        """Start the stack and return its published ports as one service; `dagger up` opens them here."""
        return await (await self.stack()).ports()
