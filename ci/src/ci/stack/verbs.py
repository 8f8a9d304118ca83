"""`dagger call stack …`: the compose project running, for any project."""

from __future__ import annotations

import json
from typing import Annotated

import dagger
from dagger import Doc

from ci import project
from ci._dagger import function, object_type
from ci.images import Builder
from ci.references import ImagesMap
from ci.stack import environment, forward, plan
from ci.stack.start import Stack
from ci.told import told

__all__ = ["ComposeStack"]


@object_type
class ComposeStack:
    """A compose project as a stack that runs; each call starts one of its own."""

    source: dagger.Directory
    images: str
    files: list[str]
    profiles: list[str]
    folder: str
    only: list[str]
    start_timeout: int
    stop_timeout: int
    env_file: dagger.Secret | None = None
    docker_config: dagger.Secret | None = None
    ssh_agent: dagger.Socket | None = None

    @function(cache="never")
    @told
    async def ports(self) -> dagger.Service:
        """Start the stack and return its published ports as one service: `stack ports up` opens them here."""
        stack = await self._stack()
        await stack.start()
        return await forward.service(stack)

    @function(cache="never")
    @told
    async def service(self, name: Annotated[str, Doc("The service, by its compose name")]) -> dagger.Service:
        """Start the stack and return one of its services, to bind or to call."""
        stack = await self._stack()
        await stack.start()
        return stack.service(name)

    @function(cache="never")
    @told
    async def logs(self) -> dagger.Directory:
        """Start the stack, wait as Compose does, stop it, and return each service's log, and times.json."""
        stack = await self._stack()
        try:
            await stack.start()
        finally:
            await stack.stop()
        return (await stack.logs()).with_new_file("times.json", json.dumps(stack.times, indent=1) + "\n")

    async def _stack(self) -> Stack:
        given = environment.read(await self.env_file.plaintext(), where="--env-file") if self.env_file else {}
        images = ImagesMap.from_json(self.images, where="of this stack")
        builder = Builder.of(
            self.source, images, values=given, docker_config=self.docker_config, ssh_agent=self.ssh_agent
        )
        loaded = await project.load(builder, project.Asked(self.files, self.profiles, self.folder), given)
        chosen = loaded.with_needed(self.only)
        built = [name for name, service in chosen.items() if service.build]
        artefacts = await loaded.build(built) if built else {}
        timeouts = plan.Timeouts(self.start_timeout, self.stop_timeout)
        return await loaded.stack(artefacts, given, chosen, timeouts)
