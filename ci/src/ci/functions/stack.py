"""`dagger call stack …`: the compose project running, for any project."""

from __future__ import annotations

from typing import Annotated

import dagger
from dagger import Doc

from ci._dagger import function, object_type
from ci.pipeline import stack
from ci.pipeline.inputs import Inputs

__all__ = ["ComposeStack"]


@object_type
class ComposeStack:
    """A compose project as a running stack; each call starts its own."""

    inputs: Inputs
    only: list[str] | None = None
    start_timeout: int
    stop_timeout: int

    @function(cache="never")
    async def ports(self) -> dagger.Service:
        """Start the stack and return its published ports as one service: `stack ports up` opens them here."""
        return await stack.ports(await self._stack())

    @function(cache="never")
    async def service(self, name: Annotated[str, Doc("The service, by its compose name")]) -> dagger.Service:
        """Start the stack and return one of its services, to bind or to call."""
        return await stack.service(await self._stack(), name)

    @function(cache="never")
    async def logs(self) -> dagger.Directory:
        """Start the stack, wait until it is up, stop it, and return its logs, also when it does not come up.

        NAME.log is a container's output; ps.json, inspect.json and events.json are from Docker, times.json
        contains the seconds, and error.txt says why the stack did not come up.
        """
        return await (await (await self._stack()).run(rerun=True)).logs()

    @function(cache="never")
    async def check(self) -> str:
        """Start the stack, wait until it is up, and stop it; fail if it does not come up."""
        return await stack.check(await self._stack())

    async def _stack(self) -> stack.Stack:
        return await stack.create(self.inputs, self.only or [], self.start_timeout, self.stop_timeout)
