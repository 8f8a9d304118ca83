"""Run linters in containers, and the formatter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci import parallel, tools
from ci.errors import PipelineError
from ci.lint import linters
from ci.lint.linters import LINTERS, Result
from ci.project.model import inside
from ci.references import parse

if TYPE_CHECKING:
    from ci.project.load import Project
    from ci.project.model import Service

__all__ = ["Lint"]

_PROJECT, _ENVIRONMENT = "/project", "/opt/lint"
_NOT_FOUND = 127
_SYNC = ("/opt/uv/uv", "sync", "--quiet", "--frozen", "--all-packages", "--all-groups")
_FORMAT = (("ruff", "check", "--fix-only", "--quiet", "--no-cache"), ("ruff", "format", "--no-cache"))


@dataclass(frozen=True)
class Lint:
    """Run the linters of one project."""

    loaded: Project

    async def run(self, jobs: int) -> list[Result]:
        """Run the policy's linters in parallel and return their results."""
        names = linters.choose(self.loaded.policy.lint, self.loaded.policy.place)
        if not await self.loaded.workspace.listing.has("uv.lock"):
            linters.check_without_lock(names)
        return list(
            (await parallel.run({name: partial(self._one, name) for name in names}, limit=jobs)).values()
        )

    def formatted(self) -> dagger.Changeset:
        """Return the changes of ruff's fixes and formatting."""
        source = self.loaded.workspace.source
        container = self._environment().with_directory(_PROJECT, source).with_workdir(_PROJECT)
        for command in _FORMAT:
            container = container.with_exec(list(command))
        return container.directory(_PROJECT).changes(source)

    async def _one(self, name: str) -> Result:
        if name == linters.COMPOSE:
            return linters.compose(self.loaded.compose)
        if name == linters.PROMTOOL:
            return await self._promtool()
        linter = LINTERS[name]
        if linter.needs and not await self.loaded.workspace.listing.has(linter.needs):
            return Result(name, f"nothing to lint: there is no {linter.needs}")
        if name == linters.ACTIONLINT:
            return await _outcome(name, self._actionlint(), [list(each) for each in linter.commands])
        container = self._environment().with_directory(_PROJECT, self.loaded.workspace.source)
        container = container.with_workdir(_PROJECT)
        if linter.installed:
            container = container.with_exec([*_SYNC])
            container = container.with_mounted_cache("/var/tmp/mypy", dag.cache_volume("lint-mypy"))  # noqa: S108
        files = self._dockerfiles() if linter.dockerfiles else []
        for path, text in self.loaded.compose.inline.items() if linter.dockerfiles else ():
            container = container.with_new_file(f"{_PROJECT}/{path}", text)
        return await _outcome(name, container, [[*command, *files] for command in linter.commands])

    def _environment(self) -> dagger.Container:
        """Return Python with everything in the lock, except for the project's own packages."""
        workspace = self.loaded.workspace
        source = workspace.source
        return (
            workspace.tool(tools.PYTHON)
            .with_directory("/opt/uv", workspace.tool(tools.UV).rootfs())
            .with_mounted_cache("/root/.cache/uv", dag.cache_volume("uv"))
            .with_env_variable("UV_SYSTEM_CERTS", "1")
            .with_env_variable("UV_LINK_MODE", "copy")
            .with_env_variable("UV_PYTHON_DOWNLOADS", "never")
            .with_env_variable("UV_PYTHON", "/usr/local/bin/python3")
            .with_env_variable("UV_PROJECT_ENVIRONMENT", _ENVIRONMENT)
            .with_workdir(_PROJECT)
            .with_file(f"{_PROJECT}/pyproject.toml", source.file("pyproject.toml"))
            .with_file(f"{_PROJECT}/uv.lock", source.file("uv.lock"))
            .with_exec([*_SYNC, "--no-install-workspace"])
            .with_env_variable("PATH", f"{_ENVIRONMENT}/bin:/usr/local/bin:/usr/bin:/bin")
        )

    def _actionlint(self) -> dagger.Container:
        """Return actionlint with the workflows; it expects `.git` in the project's root."""
        workflows = self.loaded.workspace.source.directory(".github")
        container = self.loaded.workspace.tool(tools.ACTIONLINT).without_entrypoint().with_workdir(_PROJECT)
        return container.with_directory(f"{_PROJECT}/.github", workflows).with_directory(
            f"{_PROJECT}/.git", dag.directory()
        )

    def _dockerfiles(self) -> list[str]:
        compose = self.loaded.compose
        builds = [service.build for service in compose.built.values() if service.build]
        files = {
            str(PurePosixPath(build.context, build.dockerfile))
            for build in builds
            if not (build.inline or build.remote)
        }
        return sorted(files | set(compose.inline))

    async def _promtool(self) -> Result:
        """Check each Prometheus's configuration and rules, and run the rules' tests, with promtool."""
        results = [
            await _outcome(linters.PROMTOOL, container, commands)
            for service in self.loaded.compose.services.values()
            if service.image and parse(service.image, where=service.name).name.endswith("prom/prometheus")
            for container, commands in [await self._prometheus(service)]
        ]
        output = "\n".join(result.output for result in results if result.failed)
        return Result(linters.PROMTOOL, output, any(result.failed for result in results))

    async def _prometheus(self, service: Service) -> tuple[dagger.Container, list[list[str]]]:
        workspace = self.loaded.workspace
        container = workspace.tool(service.image).with_user("0:0").without_entrypoint()
        for mount in service.definition.volumes:
            if mount.type == "bind":
                where = f"service '{service.name}': the bind mount of {mount.source}"
                folder = workspace.source.directory(inside(where, mount.source))
                container = container.with_mounted_directory(mount.target, folder)
        words = service.definition.words
        given = [word.partition("=")[2] for word in words if word.startswith("--config.file=")]
        config = PurePosixPath(given[0] if given else "/etc/prometheus/prometheus.yml")
        commands = [["promtool", "check", "config", str(config)]]
        tests = await container.directory(str(config.parent)).glob("tests/*.y*ml")
        if tests:
            commands.append(["promtool", "test", "rules", *(f"{config.parent}/{test}" for test in tests)])
        return container, commands


async def _outcome(name: str, container: dagger.Container, commands: list[list[str]]) -> Result:
    output, failed = "", False
    for command in commands:
        done = await container.with_exec(command, expect=dagger.ReturnType.ANY).sync()
        code = await done.exit_code()
        if code == _NOT_FOUND:
            raise PipelineError(
                "lint.linter-not-locked",
                f"lint: {command[0]} is not in the project's lock",
                hint=f"add it to a dependency group and lock it, or remove {name} from the setting lint",
            )
        output += await done.stdout() + await done.stderr() if code or name == "hadolint" else ""
        failed = failed or code != 0
    return Result(name, output, failed)
