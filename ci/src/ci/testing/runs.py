"""Run the unit tests of one project's services, each as its files say."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, field, replace
from functools import partial
from time import time
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci.errors import PipelineError
from ci.evidence import claims
from ci.parallel import Once
from ci.testing import backing, commands, convention, known, results, stages, unit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ci.build.image import BuiltImage
    from ci.project.load import Project
    from ci.project.model import Service
    from ci.testing.backing import Backing
    from ci.testing.convention import Found
    from ci.workspace import Workspace

__all__ = ["Run", "UnitTests", "untested"]

Run = tuple[results.Result, dagger.Directory]
_TRIES = 240  # of a healthcheck, one each half second


@dataclass(frozen=True)
class UnitTests:
    """The tests of one project's services.

    `rerun` is a nonce that makes them run again. With `identify`, results have the digest of their inputs.
    `shared` has runs of services that are built and tested in the same way, such as an API and its worker.
    """

    project: Project
    found: Mapping[str, Found]
    rerun: str = ""
    identify: bool = False
    shared: dict[str, Once[Run]] = field(default_factory=dict)

    async def run(self, artifact: BuiltImage) -> Run:
        """Return the result, and the directory with JUnit, coverage and output."""
        found = self.found[artifact.service.name]
        if found.kind == convention.NONE:
            raise untested(artifact.service.name, found, self.project.policy.place)
        make = partial(self._shared, artifact, found)
        result, output = await known.run(self.project, artifact, found, make, rerun=bool(self.rerun))
        inputs = await self._inputs(artifact, found)
        return replace(result, name=artifact.name, inputs=inputs), output

    async def _shared(self, artifact: BuiltImage, found: Found) -> Run:
        """Run tests, or return the result of another service whose run would be the same."""
        make = partial(self._with_services, artifact, found)
        if found.stage or found.kind == convention.STAGE:
            return await make()
        name, compose = artifact.service.name, self.project.compose
        settings = self.project.policy.services.get(name)
        variables = sorted(artifact.service.definition.variables.items())
        beside = backing.of(compose, artifact.service)
        key = repr((artifact.digest, artifact.platform, found, settings, variables, beside))
        result, output = await self.shared.setdefault(key, Once()).get(make)
        return results.as_of(result, name), output

    async def _inputs(self, artifact: BuiltImage, found: Found) -> str:
        if not found.tests or not self.identify:
            return ""
        tests = unit.tests(self.project.workspace.source, self.project.policy, found)
        return claims.digest([artifact.digest, await tests.digest()])

    async def _with_services(self, artifact: BuiltImage, found: Found) -> Run:
        """Run tests; name the services beside them if one of these may have failed."""
        service = artifact.service
        every = backing.everything(backing.of(self.project.compose, service))
        beside = list(dict.fromkeys(each.name for each in every))
        for job in backing.jobs(service):
            sys.stderr.write(f"tests of {service.name}: the job {job} does not run before them\n")
        try:
            return await self._run(artifact, found)
        except dagger.QueryError as error:
            if not beside:
                raise
            raise not_started(service.name, beside, str(error)) from error

    async def _run(self, artifact: BuiltImage, found: Found) -> Run:
        if found.kind not in (convention.COMMAND, convention.STAGE):
            return await self._pytest(artifact, found)
        words = ["sh", "-c", found.command]
        image = artifact
        if found.stage:
            built = await stages.build(self.project, artifact.service.name, found.stage)
            if isinstance(built, results.Result):
                return built, dag.directory().with_new_file("output.txt", built.output)
            image = built
        if found.kind == convention.STAGE:
            words = await stages.own_command(self.project.workspace, image, artifact)
            if not words:
                return results.built_stage(artifact.service.name, found.stage), dag.directory()
        return await self._command(artifact.service, image, found, words)

    async def _pytest(self, artifact: BuiltImage, found: Found) -> Run:
        workspace, policy, service = self.project.workspace, self.project.policy, artifact.service
        container = await self._beside(await unit.prepared(workspace, policy, artifact, found), service)

        async def once(container: dagger.Container, asked_at: float) -> Run:
            return await unit.run(container, workspace.source, policy, service, found, asked_at)

        return await self._fresh(container, once)

    async def _command(self, service: Service, image: BuiltImage, found: Found, words: list[str]) -> Run:
        policy = self.project.policy
        container = await commands.prepared(image, self.project.workspace.source, found)

        async def once(beside: dagger.Container, asked_at: float) -> Run:
            settings = policy.services.get(service.name)
            return await commands.run(beside, container, service.name, words, policy, settings, asked_at)

        return await self._fresh(await self._beside(container, service), once)

    async def _fresh(
        self, container: dagger.Container, once: Callable[[dagger.Container, float], Awaitable[Run]]
    ) -> Run:
        """Run tests. The engine caches every result; one that failed is not used, the tests run again."""
        asked_at = time()
        for attempt in itertools.count():
            nonce = f"{self.rerun}{attempt or ''}"
            each = container.with_env_variable("CI_RERUN", nonce) if nonce else container
            result, output = await once(each, asked_at)
            if not (result.failure and result.cached):
                return result, output
        raise AssertionError  # the loop never ends otherwise

    async def _beside(self, container: dagger.Container, service: Service) -> dagger.Container:
        """Bind new instances of the services that this service depends on, for its tests."""
        images = self.project.workspace.images
        beside = [
            (each, image)
            for each in backing.of(self.project.compose, service)
            if (image := images.resolve(each.image, where=f"service '{each.name}'"))
        ]
        secrets = backing.secrets(self.project.compose, self.project.workspace.values)
        for each, image in beside:
            bound = await _service(each, image, service.name, self.project.workspace, secrets)
            container = container.with_service_binding(each.name, bound)
        plain, hidden = backing.variables(service, [each for each, _ in beside], secrets)
        for variable, value in plain.items():
            container = container.with_env_variable(variable, value)
        for variable, value in hidden.items():
            container = container.with_secret_variable(variable, _secret(service.name, variable, value))
        return container


def _secret(service: str, name: str, value: str) -> dagger.Secret:
    return dag.set_secret(f"tests-{service}-{name}", value)


async def _service(
    each: Backing, image: str, user: str, workspace: Workspace, secrets: Mapping[str, str]
) -> dagger.Service:
    """Start a service for the tests of one other, and what it needs, until its healthcheck passes."""
    container = dag.container().from_(image)
    for need in each.needs:
        if there := workspace.images.resolve(need.image, where=f"service '{need.name}'"):
            bound = await _service(need, there, user, workspace, secrets)
            container = container.with_service_binding(need.name, bound)
    for variable, text in sorted({**each.environment, "FOR": user}.items()):
        if (value := backing.inserted(text, secrets)) == text:
            container = container.with_env_variable(variable, text)
        else:
            container = container.with_secret_variable(variable, _secret(each.name, variable, value))
    container = await _with_files(container, each, workspace, secrets)
    check = each.healthcheck
    for port in each.ports:
        container = container.with_exposed_port(port, experimental_skip_healthcheck=check is not None)
    if check:
        container = container.with_docker_healthcheck(
            list(check.command), shell=check.in_shell, interval="500ms", timeout="5s", retries=_TRIES
        )
    if each.entrypoint:
        container = container.with_entrypoint(list(each.entrypoint))
    return container.as_service(args=list(each.command) or None, use_entrypoint=True)


async def _with_files(
    container: dagger.Container, each: Backing, workspace: Workspace, secrets: Mapping[str, str]
) -> dagger.Container:
    """Mount a service's files and folders of the project, and its texts."""
    for place, path in each.mounts.items():
        if await workspace.listing.has_folder(path):
            container = container.with_mounted_directory(place, workspace.source.directory(path))
        elif await workspace.listing.has(path):
            container = container.with_mounted_file(place, workspace.source.file(path))
    for place, text in each.files.items():
        if (value := backing.inserted(text, secrets)) == text:
            container = container.with_new_file(place, text, permissions=0o444)
        else:
            container = container.with_mounted_secret(place, _secret(each.name, place, value), mode=0o444)
    return container


def not_started(name: str, beside: list[str], output: str) -> PipelineError:
    """Return the error of tests that could not run with the services beside them."""
    return PipelineError(
        "test.service-beside-failed",
        f"service '{name}': its tests did not start, beside {', '.join(beside)}",
        details=output,
        hint="see above which of them ended or did not become healthy; a job that ends needs the condition "
        "service_completed_successfully in depends_on",
    )


def untested(name: str, found: Found, place: str) -> PipelineError:
    """Return the error of a service for which no tests were found; `place` is where the settings are."""
    if found.tests:
        return PipelineError(
            "test.no-dependencies",
            f"service '{name}': {found.why}",
            hint="add requirements-test.txt with the line `pytest` beside the Dockerfile, or set a command: "
            f'{place}services.{name}.test = "python -m pytest"',
        )
    stage = (
        f'"{found.suggestion}", and stage = the one that has its tools' if found.suggestion else '"COMMAND"'
    )
    return PipelineError(
        "test.no-tests",
        f"service '{name}' has no tests: {found.why}",
        hint=f"add tests, or set {place}services.{name}.test = {stage}; "
        f"or list it in {place}services-without-tests",
    )
