"""Reach a registry from a container, and run the registry's program there."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dagger
from dagger import dag

from ci import module_source, tools
from ci.errors import PipelineError
from ci.registry.hosts import docker_credentials
from ci.release.registries import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.workspace import Workspace

__all__ = ["RegistryAccess", "is_there", "program", "run", "run_in"]

# What the program imports, with the compiled files.
_PROGRAM = [
    *("ci/*.py", "ci/__pycache__/*"),
    *("ci/container_scripts/*.py", "ci/container_scripts/__pycache__/*"),
    *("ci/container_scripts/registry/*.py", "ci/container_scripts/registry/__pycache__/*"),
    *("ci/evidence/__init__.py", "ci/evidence/claims.py", "ci/evidence/statement.py"),
    *("ci/registry/*.py", "ci/registry/__pycache__/*"),
    *("ci/release/*.py", "ci/release/__pycache__/*"),
]
# The program's HTTP client, as it is installed for the module itself.
_LIBRARY = "httpx"
# The exit code of an outcome that is an error; any other but 0 is a crash.
_REFUSED = 10
_PARALLEL = 4


@dataclass(frozen=True)
class RegistryAccess:
    """How a registry is reached.

    `service` is a registry on the client's own machine, which a container
    reaches only if it is handed in: it is spoken to without TLS.
    `docker_config` is Docker's config.json, if that is where the credentials
    are.
    """

    registry: Registry
    username: str = ""
    password: dagger.Secret | None = None
    service: dagger.Service | None = None
    docker_config: dagger.Secret | None = None
    through_gateway: bool = False  # on the loopback of the machine that runs Dagger's engine

    async def with_file(self, docker_config: dagger.Secret | None) -> RegistryAccess:
        """Take the credentials from Docker's config.json if it has the registry's and none are given."""
        if docker_config is None or self.password is not None:
            return self
        found = docker_credentials(await docker_config.plaintext(), self.registry.host)
        return replace(self, docker_config=docker_config) if found else self

    async def check(self, function: str) -> None:
        """Refuse what cannot work before anything is built; `function` is what the options belong to."""
        where = f"{function} --address {self.registry}"
        if bool(self.username) != bool(self.password):
            raise PipelineError(
                "registry.credentials-incomplete",
                f"{where}: {'--username' if self.password else '--password'} is missing",
                hint="give both, --username NAME and --password env:VARIABLE, or neither",
            )
        if self.registry.plain_http and self.service is None:
            raise PipelineError(
                "registry.loopback-unreachable",
                f"{where}: a container's loopback is its own, it does not reach yours",
                hint=f"pass the registry as a service too: --service tcp://{self.registry.host}",
            )
        if self.password is not None and not await is_there(self.password):
            # Not repeated: it may be the password itself.
            raise PipelineError(
                "registry.password-empty",
                f"{where}: the password is empty, or is not given as a secret",
                hint="give --password env:VARIABLE, file:PATH or cmd:COMMAND, never its value",
            )


async def is_there(secret: dagger.Secret) -> bool:
    """Return whether a secret was given as one and is not empty."""
    try:
        return bool((await secret.plaintext()).strip())
    except dagger.QueryError:
        return False


def program(workspace: Workspace) -> dagger.Container:
    """Return a container with the program and its libraries; nothing in it stays behind."""
    package = dag.directory().with_directory("/", module_source.files(), include=_PROGRAM)
    return (
        workspace.tool(tools.PYTHON)
        .with_mounted_directory("/program", package)
        .with_mounted_directory("/libraries", module_source.libraries(_LIBRARY))
        .with_env_variable("PYTHONPATH", "/program:/libraries")
        .with_mounted_temp("/tmp")  # noqa: S108 - a tmpfs of the container: what is written there is never stored
    )


async def run(
    container: dagger.Container,
    command: str,
    request: Mapping[str, Any],
    accesses: Mapping[str, RegistryAccess],
) -> Mapping[str, Any]:
    """Run the program with each registry bound under its name; return its outcome."""
    return (await run_in(container, command, request, accesses))[0]


async def run_in(
    container: dagger.Container,
    command: str,
    request: Mapping[str, Any],
    accesses: Mapping[str, RegistryAccess],
) -> tuple[Mapping[str, Any], dagger.Container]:
    """Run the program; return its outcome, and the container, whose files it may have written."""
    registries: dict[str, dict[str, Any]] = {}
    for name, access in accesses.items():
        if access.registry.host in registries:
            continue
        place = f"/run/secrets/{name}"
        entry: dict[str, Any] = {"host": access.registry.host, "plain_http": access.registry.plain_http}
        if access.through_gateway:
            entry |= {"through_gateway": True, "plain_http": True}
        if access.service is not None:
            container = container.with_service_binding(name, access.service)
            entry |= {"address": await _address(name, access.service), "plain_http": True}
        if access.docker_config is not None:
            entry["credential_file"] = place
            container = container.with_mounted_secret(place, access.docker_config, mode=0o400)
        if access.password is not None:
            entry |= {"username": access.username, "password_file": place}
            container = container.with_mounted_secret(place, access.password, mode=0o400)
        registries[access.registry.host] = entry
    full = {
        **request,
        "registries": list(registries.values()),
        "parallel": _PARALLEL,
    }
    given = container.with_mounted_file("/request.json", dag.file("request.json", json.dumps(full)))
    code, outcome, said, ran = await _execute(given, command)
    return _judge(code, outcome, said), ran


async def _address(name: str, service: dagger.Service) -> str:
    ports = [await port.port() for port in await service.ports()]
    return f"{name}:{ports[0]}" if ports else name


async def _execute(container: dagger.Container, command: str) -> tuple[int, str, str, dagger.Container]:
    """Return exit code, outcome, what the program said, and its container."""
    ran = (
        container
        # The registry is the outside world: what it held the last time is no answer.
        .with_env_variable("CI_RUN", secrets.token_hex(8)).with_exec(
            ["python3", "-m", "ci.container_scripts.registry", command, "/request.json", "/outcome.json"],
            expect=dagger.ReturnType.ANY,
        )
    )
    try:
        ran = await ran.sync()
        code, said = await ran.exit_code(), await ran.stderr()
    except dagger.ExecError as error:
        raise PipelineError(
            "registry.program-ended",
            f"the push was ended with exit code {error.exit_code}",
            details=error.stderr,
            hint="run it again: it continues from there",
        ) from error
    except dagger.QueryError as error:
        raise PipelineError(
            "registry.program-not-started",
            "the registry's program cannot be started",
            details=str(error),
            hint="check that the registry given as a service answers, then run it again",
        ) from error
    outcome = await ran.file("/outcome.json").contents() if code in {0, _REFUSED} else ""
    return code, outcome, said, ran


def _judge(code: int, outcome: str, said: str) -> Mapping[str, Any]:
    """Return the outcome; its error becomes ours, a crash of the program is a bug."""
    if not outcome:
        msg = f"the registry's program ended with {code}:\n{said}"
        raise RuntimeError(msg)
    data: dict[str, Any] = json.loads(outcome)
    if "error" in data:
        raise PipelineError(**data["error"])
    return data
