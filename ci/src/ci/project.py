"""One project as the verbs see it: its compose model, policy, images and stack."""

from __future__ import annotations

import json
import posixpath
import secrets as random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from ci import own, policy, tools
from ci.compose import builds, model
from ci.errors import PipelineError
from ci.images import program
from ci.sandbox.place import PROJECT
from ci.stack import plan
from ci.stack.container import Containers
from ci.stack.start import Stack

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagger

    from ci.images import Builder, BuiltImage

__all__ = ["Asked", "Loaded", "load"]

_DOCKER_CONFIG = "/opt/docker-config"
_BUILDX = "/usr/local/libexec/docker/cli-plugins/docker-buildx"


@dataclass(frozen=True)
class Asked:
    """What of the source is the project: compose files (none: Compose's own choice), profiles, directory."""

    files: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    folder: str = "."


@dataclass(frozen=True)
class Loaded:
    """What is known of a project once Compose and pyproject.toml have been read."""

    builder: Builder
    compose: model.Project
    policy: policy.Policy

    async def build(self, only: list[str]) -> dict[str, BuiltImage]:
        """Build the named services' images, or all, side by side."""
        chosen = model.select(self.compose.built, only)
        builds.check(self.compose.built)
        await self.builder.check_platform()
        return await self.builder.build(self.compose, chosen)

    def left_out(self) -> dict[str, str]:
        """Return the services whose image the map says is not available, with that image."""
        return {
            name: service.image
            for name, service in self.compose.services.items()
            if service.image
            and not service.build
            and self.builder.images.resolve(service.image, where=f"service '{name}'") is None
        }

    def with_needed(self, only: list[str]) -> dict[str, model.Service]:
        """Return the named services with all that they depend on; all services if none is named."""
        wanted = list(model.select(self.compose.services, only))
        found: dict[str, model.Service] = {}
        while wanted:
            name = wanted.pop()
            if name not in found:
                found[name] = self.compose.services[name]
                wanted += [other for other in found[name].depends_on if other in self.compose.services]
        return {name: found[name] for name in sorted(found)}

    async def stack(
        self,
        artefacts: dict[str, BuiltImage],
        given: Mapping[str, str],
        services: dict[str, model.Service],
        timeouts: plan.Timeouts | None = None,
        *,
        apart: bool = False,
    ) -> Stack:
        """Plan the services as a stack and load their images; nothing runs yet.

        `given` are values of variables; what the compose file requires and
        nobody gave gets a random value for this run. `apart` from others of
        the same call, no service finds another by its name.
        """
        if missing := [name for name in self.compose.plain if name not in given]:
            raise PipelineError(
                f"the compose file needs a number, a size or a flag in {', '.join(missing)}",
                next_step="give it a default there, or a value with --env-file",
            )
        planned = plan.make(self.compose, services, self.left_out(), timeouts)
        values = {
            placeholder: given.get(name) or random.token_urlsafe(24)
            for name, placeholder in self.compose.placeholders.items()
        }
        named = {name: values[placeholder] for name, placeholder in self.compose.placeholders.items()}
        containers = Containers(self.builder, artefacts, _init(self.builder), values, named, apart)
        async with anyio.create_task_group() as tasks:
            for container in planned.containers.values():
                tasks.start_soon(containers.load, container)
        return Stack(planned, containers)


async def load(builder: Builder, asked: Asked, given: Mapping[str, str] | None = None) -> Loaded:
    """Let Compose read the project.

    `given` are values of variables: Compose sees their names only, and the
    values of those that have to be numbers, sizes or flags.
    """
    given = given or {}
    settings = policy.read(await _pyproject(builder.source))
    request: dict[str, Any] = {"files": asked.files, "profiles": asked.profiles, "given": sorted(given)}
    request["bake"] = True
    compose = await _read(builder, asked, request)
    if compose.plain and given:
        request["plain"] = {name: given[name] for name in compose.plain if name in given}
        compose = await _read(builder, asked, request)
    settings.check_services(list(compose.built))
    return Loaded(builder, model.with_images(compose, given), settings)


async def _read(builder: Builder, asked: Asked, request: dict[str, Any]) -> model.Project:
    binary = builder.tool(tools.COMPOSE).file("/docker-compose")
    buildx = builder.tool(tools.DOCKER).file(_BUILDX)
    folder = posixpath.join(PROJECT, asked.folder)
    words = ["/compose_config.py", "/docker-compose", folder, "/outcome.json", json.dumps(request)]
    outcome = (
        builder.tool(tools.PYTHON)
        .with_mounted_file("/docker-compose", binary)
        .with_mounted_file("/compose_config.py", program("compose_config.py"))
        .with_mounted_file(f"{_DOCKER_CONFIG}/cli-plugins/docker-buildx", buildx)
        .with_env_variable("DOCKER_CONFIG", _DOCKER_CONFIG)
        .with_mounted_directory(PROJECT, builder.source)
        .with_exec(["python3", *words])
        .file("/outcome.json")
    )
    return model.read(await outcome.contents(), asked.folder)


async def _pyproject(source: dagger.Directory) -> str:
    if await source.exists("pyproject.toml"):
        return await source.file("pyproject.toml").contents()
    return ""


def _init(builder: Builder) -> dagger.File:
    """Return the init, built from this module's own source."""
    return (
        builder.tool(tools.GOLANG)
        .with_directory("/init", own.files().directory("init"))
        .with_workdir("/init")
        .with_env_variable("CGO_ENABLED", "0")
        # Go's own packages are compiled first, which takes most of it: a fifth less without these two.
        .with_env_variable("GOGC", "400")
        .with_env_variable("GOFLAGS", "-gcflags=all=-dwarf=false")
        .with_exec(["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", "/out/init", "."])
        .file("/out/init")
    )
