"""`dagger call stack …`: the compose project running, for any project."""

from __future__ import annotations

from typing import Annotated

import dagger
from dagger import Doc

from ci._dagger import function, object_type
from ci.build.builder import Builder
from ci.errors import PipelineError
from ci.project.load import ComposeOptions, load
from ci.references import ImagesMap
from ci.report import table
from ci.stack import published
from ci.stack.model import Timeouts
from ci.stack.plan import plan
from ci.stack.run import Stack
from ci.user_errors import user_errors

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
    @user_errors
    async def ports(self) -> dagger.Service:
        """Start the stack and return its published ports as one service: `stack ports up` opens them here."""
        stack = await self._stack()
        found = published.ports(stack.model)
        return await stack.start(found, published.everywhere(stack.model))

    @function(cache="never")
    @user_errors
    async def service(self, name: Annotated[str, Doc("The service, by its compose name")]) -> dagger.Service:
        """Start the stack and return one of its services, to bind or to call."""
        stack = await self._stack()
        if name not in stack.model.services:
            raise PipelineError(
                "stack.unknown-service",
                f"no service called '{name}' runs in this stack",
                hint=f"choose from {', '.join(stack.model.services)}",
            )
        model, ports = published.of_service(stack.model, name, await stack.exposed(name))
        return await stack.start(ports, model)

    @function(cache="never")
    @user_errors
    async def logs(self) -> dagger.Directory:
        """Start the stack, wait until it is up, stop it, and return its logs, also when it does not come up.

        NAME.log is what a container wrote; ps.json, inspect.json and events.json are Docker's own, times.json
        has the seconds, and error.txt says why the stack did not come up.
        """
        return await (await (await self._stack()).run(rerun=True)).logs()

    @function(cache="never")
    @user_errors
    async def check(self) -> str:
        """Start the stack, wait until it is up, and stop it; one that does not come up fails the call."""
        outcome = await (await self._stack()).run(rerun=True)
        if outcome.error:
            raise outcome.error
        rows = [[name, f"{seconds:.1f} s"] for name, seconds in outcome.times["up_after"].items()]
        return "\n".join([table.text(["service", "up after"], rows), *outcome.model.notes])

    async def _stack(self) -> Stack:
        images = ImagesMap.from_json(self.images, where="of this stack")
        builder = await Builder.with_variables(
            self.source, images, self.env_file, docker_config=self.docker_config, ssh_agent=self.ssh_agent
        )
        loaded = await load(builder, ComposeOptions(self.files, self.profiles, self.folder))
        if not loaded.compose.services.keys() >= set(self.only):
            # Naming a service activates it, as for `docker compose up NAME`.
            loaded = await load(builder, ComposeOptions(self.files, ["*"], self.folder))
        chosen = loaded.with_needed(self.only)
        built = [name for name, service in chosen.items() if service.build]
        artifacts = await loaded.build(built) if built else {}
        return await plan(loaded, artifacts, list(chosen), Timeouts(self.start_timeout, self.stop_timeout))
