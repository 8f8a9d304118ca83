"""Run a stack in the sandbox, in one Dagger exec with all its inputs."""

from __future__ import annotations

import itertools
import json
import secrets as random
from dataclasses import dataclass, field
from time import time
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import dagger
from dagger import dag

from ci import module_source, tools
from ci.build.image import config
from ci.build.run import substitutes_of
from ci.evidence import claims
from ci.sandbox import container as sandbox
from ci.sandbox import failure
from ci.sandbox.place import PROJECT, WORKDIR
from ci.stack import failures, published
from ci.workspace import literal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ci.build.image import BuiltImage
    from ci.errors import PipelineError
    from ci.stack.model import Model
    from ci.workspace import Workspace

__all__ = ["Outcome", "Stack", "Suite"]

_ROOT = "/python"  # root with Python, see container_scripts/stack.sh
_SCRIPTS = "ci/container_scripts"
_PROGRAM = [
    *("ci/__init__.py", f"{_SCRIPTS}/__init__.py", f"{_SCRIPTS}/stack/*.py"),
    *(
        f"{_SCRIPTS}/compose_env_file.py",
        f"{_SCRIPTS}/compose_command.py",
    ),  # the format in which Compose reads an env file
]
# Seconds that a container without a healthcheck must run to count as up.
SETTLE = 1.0


@dataclass(frozen=True)
class Outcome:
    """The result of a run; `report` is report.json of `container_scripts/stack`, `output` its folder.

    It was requested at `asked_at`, and may be the cached result of an earlier run with the same inputs.
    """

    model: Model
    report: Mapping[str, Any]
    output: dagger.Directory
    asked_at: float

    @property
    def kept(self) -> bool:
        """Whether the result is from an earlier call."""
        return bool(self.report["at"] < self.asked_at)

    @property
    def error(self) -> PipelineError | None:
        """The error, if the stack did not come up."""
        return failures.error(self.report, self.model.timeouts)

    @property
    def times(self) -> dict[str, Any]:
        """The time when each service was up, by name, and the duration of the stop."""
        return {
            "up_after": dict(sorted(self.report["up_after"].items())),
            "down_after": self.report["down_after"],
        }

    async def logs(self) -> dagger.Directory:
        """Return NAME.log for each container, ps.json, inspect.json, events.json, times.json, error.txt."""
        directory = self.output.directory("logs")
        for name in ("ps.json", "inspect.json", "events.json"):
            directory = directory.with_file(name, self.output.file(name))
        directory = directory.with_new_file("times.json", json.dumps(self.times, indent=1) + "\n")
        if self.error:
            directory = directory.with_new_file("error.txt", f"{self.error}\n")
        return directory


class Suite(Protocol):
    """What runs in a stack as one more container, see `ci.testing.suite`."""

    NAME: ClassVar[str]

    def model(self, model: Model, workspace: Workspace) -> str:
        """Describe the suite as a compose file in JSON."""

    async def mounted(self, container: dagger.Container) -> dagger.Container:
        """Mount what the suite's container gets."""

    async def given(self) -> dict[str, str]:
        """Return the digests of what its result depends on, besides its model."""


@dataclass(frozen=True)
class Stack:
    """A project that can be run, each time from scratch.

    `images` are its built images with their tags. `pinned` is whether all other images have a resolved
    digest. `settle` is in seconds, see `container_scripts.stack.readiness`.
    """

    workspace: Workspace
    model: Model
    images: Mapping[str, tuple[str, BuiltImage]] = field(default_factory=dict)
    settle: float = SETTLE
    pinned: bool = True

    async def run(
        self,
        suite: Suite | None = None,
        *,
        failed: Callable[[Outcome], Awaitable[bool]] | None = None,
        rerun: bool = False,
    ) -> Outcome:
        """Run the stack, with the suite in it, and return the result.

        The engine caches every result. A cached result that has `failed` (default: not up) is not used; the
        stack runs again.
        """
        asked_at = time()
        container = await self._container(self.model, suite=suite)
        if rerun or not self.pinned:  # an image could not be resolved, so its tag may have moved
            container = container.with_env_variable("CI_RERUN", random.token_hex(8))
        for attempt in itertools.count():
            nonce = container.with_env_variable("CI_ATTEMPT", str(attempt)) if attempt else container
            done = await sandbox.run(self.workspace, nonce, *_WORDS)
            output = done.directory("/output")
            report = json.loads(await output.file("report.json").contents())
            outcome = Outcome(self.model, report, output, asked_at)
            if not outcome.kept or not (await failed(outcome) if failed else outcome.error):
                return outcome
        raise AssertionError  # the loop never ends otherwise

    async def exposed(self, name: str) -> list[str]:
        """Return the ports that a service's image exposes, such as `8000/tcp`."""
        if name in self.images:
            container = await self.images[name][1].container()
        else:
            container = dag.container().from_(self.model.services[name].image)
        found = json.loads(await config(self.workspace, container).contents())
        return list((found.get("config") or {}).get("ExposedPorts") or {})

    async def start(self, ports: list[published.Port], model: Model) -> dagger.Service:
        """Return the stack as a Dagger service with these ports once it is up; it stops with the session."""
        container = await self._container(model, hold=True)
        # Dagger's client does not open UDP ports, but services that bind this one can reach them.
        for port in (each for each in ports if each.protocol == "tcp"):
            container = container.with_exposed_port(
                port.number,
                experimental_skip_healthcheck=True,
            )
        service = (
            container.with_env_variable("CI_RUN", random.token_hex(8))
            .with_docker_healthcheck(["test", "-e", "/run/stack-ready"], interval="200ms", retries=10**6)
            .as_service(args=sandbox.command(*_WORDS), insecure_root_capabilities=True)
        )
        try:
            return await service.start()
        except dagger.ExecError as error:
            if own_fault := failure.ended(error.exit_code, error.stderr):
                raise own_fault from error
            report = error.stdout.strip().rpartition("\n")[2]
            if report.startswith("{") and (not_up := failures.error(json.loads(report), model.timeouts)):
                raise not_up from error
            raise

    async def _container(
        self, model: Model, *, hold: bool = False, suite: Suite | None = None
    ) -> dagger.Container:
        workspace = self.workspace
        files = dag.directory()
        for name, text in self._files(model, hold=hold, suite=suite).items():
            files = files.with_new_file(name, text)
        container = await workspace.once("stack", lambda: _programs(workspace).sync())
        container = container.with_mounted_directory(PROJECT, self._source())
        container = container.with_mounted_directory("/stack", files)
        for name, (_, image) in self.images.items():
            container = container.with_mounted_file(f"/images/{name}.tar", await image.packed())
        if suite:
            container = await suite.mounted(container)
        return self._with_secrets(container)

    def _files(self, model: Model, *, hold: bool, suite: Suite | None) -> dict[str, str]:
        """Return what `container_scripts/stack` reads, by name."""
        request = {
            "project": model.project,
            "folder": model.folder,
            "images": [
                {"tag": tag, "digest": image.digest, "file": f"/images/{name}.tar"}
                for name, (tag, image) in sorted(self.images.items())
            ],
            "volumes": list(model.volumes),
            "networks": list(model.networks),
            "subnets": model.subnets,
            "random": list(model.random),
            "public": list(model.public),
            "patience": model.timeouts.start,
            "settle": self.settle,
            "suite": suite.NAME if suite else "",
            "hold": hold,
            "notes": list(model.notes),
        }
        files = {"request.json": json.dumps(request, indent=1, sort_keys=True), "model.json": model.text}
        return files | ({"suite.json": suite.model(model, self.workspace)} if suite else {})

    async def given(self, suite: Suite | None = None) -> dict[str, str] | None:
        """Return the digests of what a run depends on, besides its built images.

        None if that is not all known: references that cannot be resolved, and values of --env-file.
        """
        if not self.pinned or self.workspace.env_file:
            return None
        found = {
            name: claims.digest(text)
            for name, text in self._files(self.model, hold=False, suite=suite).items()
        }
        found["source"] = await self._source().digest()
        found["substitutes"] = claims.digest(await substitutes_of(self.workspace))
        return found | (await suite.given() if suite else {})

    def _source(self) -> dagger.Directory:
        """Return only the files that containers use, so that other changes do not affect the cache."""
        paths = self.model.paths
        if "." in paths:
            return self.workspace.context.filter(exclude=["**/.git"])
        if not paths:
            return dag.directory()
        return self.workspace.context.filter(include=[*map(literal, paths)], exclude=["**/.git"])

    def _with_secrets(self, container: dagger.Container) -> dagger.Container:
        workspace = self.workspace
        if workspace.env_file:
            container = container.with_mounted_secret(f"{_ROOT}/variables.env", workspace.env_file)
            # The project's own .env is not uploaded, so containers that mount it get this one.
            container = container.with_mounted_secret(f"{self.model.folder}/.env", workspace.env_file)
        if workspace.docker_config:
            place = f"{_ROOT}/root/.docker/config.json"
            container = container.with_mounted_secret(place, workspace.docker_config)
        return container


def _programs(workspace: Workspace) -> dagger.Container:
    """Return the sandbox with Compose and our programs, which run in a root of their own."""
    return (
        sandbox.container(workspace, "stack.sh")
        .with_mounted_directory(_ROOT, workspace.tool(tools.PYTHON).rootfs())
        .with_mounted_file(f"{_ROOT}/docker-compose", workspace.tool(tools.COMPOSE).file("/docker-compose"))
        .with_mounted_directory(f"{_ROOT}/programs", module_source.files().filter(include=_PROGRAM))
    )


_WORDS = (f"{WORKDIR}/stack.sh", _ROOT, "/stack/request.json", "/output")
