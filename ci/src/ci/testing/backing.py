"""Decide what runs next to unit tests: the services of the compose file that a service depends on."""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from ci.project.model import is_inside
from ci.sandbox.place import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ci.project.definition import Definition, FileReference, ServiceDefinition
    from ci.project.model import ComposeModel, Service

__all__ = ["Backing", "Healthcheck", "everything", "inserted", "jobs", "of", "secrets", "variables"]

_SECRETS = "/run/secrets"
_COMPLETED = "service_completed_successfully"


@dataclass(frozen=True)
class Healthcheck:
    """The command of a healthcheck. Its times are for production, where nobody waits for it."""

    command: tuple[str, ...]
    in_shell: bool


@dataclass(frozen=True)
class Backing:
    """A service that runs beside tests, new for each run, as the compose file describes it.

    It has placeholders for values of --env-file: `inserted` replaces them. `files` maps places to texts.
    `mounts` maps places in the container to paths of the project. `needs` are what it depends on itself.
    """

    name: str
    image: str
    environment: Mapping[str, str]
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    mounts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    healthcheck: Healthcheck | None = None
    needs: tuple[Backing, ...] = ()


def of(project: ComposeModel, service: Service) -> list[Backing]:
    """Return what runs beside a service's tests: the services with an image that it depends on.

    Not jobs that it waits for until they have completed: Dagger runs services that stay.
    """
    names = [name for name in service.depends_on if name not in jobs(service)]
    others = (project.services[name] for name in names if name in project.services)
    return [_backing(project, other) for other in others if other.image and not _is_own(project, other)]


def jobs(service: Service) -> list[str]:
    """Return the services that must have completed before a service starts."""
    return [name for name, condition in service.depends_on.items() if condition == _COMPLETED]


def everything(beside: Iterable[Backing]) -> Iterator[Backing]:
    """Yield services that run beside tests, and what these need."""
    for each in beside:
        yield each
        yield from everything(each.needs)


def secrets(project: ComposeModel, values: Mapping[str, str]) -> dict[str, str]:
    """Return the values of --env-file by the placeholders that the project has for them."""
    return {mark: values[name] for name, mark in project.placeholders.items() if name in values}


def inserted(text: str, secrets: Mapping[str, str]) -> str:
    """Replace the placeholders in a text by their values."""
    for placeholder, value in secrets.items():
        text = text.replace(placeholder, value)
    return text


def variables(
    service: Service, beside: list[Backing], secrets: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the variables that lead tests to what runs beside them: plain and secret ones.

    These are the service's own variables that name the host of such a service. Two more have the URL of
    a Redis and of a PostgreSQL, for tests that start their own where there is none.
    """
    hosts = "|".join(re.escape(each.name) for each in beside)
    named = re.compile(rf"(?<![\w.-])(?:{hosts})(?![\w.-])")
    given = service.definition.variables if beside else {}
    real = {name: inserted(text, secrets) for name, text in given.items()}
    found = {name: text for name, text in real.items() if named.search(text)}
    hidden = {name for name, text in found.items() if text != given[name]}
    for each in beside:
        url = _url(each, secrets)
        hidden |= url.keys() if url != _url(each, {}) else set()
        found |= url
    plain = {name: text for name, text in found.items() if name not in hidden}
    return plain, {name: found[name] for name in sorted(hidden)}


def _is_own(project: ComposeModel, service: Service) -> bool:
    """Whether a service runs an image that the project builds: tests run without these."""
    return bool(service.build) or service.image in {each.image for each in project.built.values()}


def _backing(project: ComposeModel, service: Service) -> Backing:
    definition = service.definition
    return Backing(
        name=service.name,
        image=service.image,
        environment=definition.variables,
        command=_words(definition.command),
        entrypoint=_words(definition.entrypoint),
        ports=tuple(sorted(_ports(definition))),
        mounts=dict(_mounts(project.definition, definition)),
        files=dict(_files(project, definition)),
        healthcheck=_healthcheck(definition),
        needs=tuple(of(project, service)),
    )


def _words(value: tuple[str, ...] | str | None) -> tuple[str, ...]:
    return tuple(shlex.split(value)) if isinstance(value, str) else value or ()


def _ports(definition: ServiceDefinition) -> set[int]:
    named = {str(port.target) for port in definition.ports if port.protocol == "tcp"}
    named |= {port.removesuffix("/tcp") for port in definition.expose}
    return {int(port) for port in named if port.isdigit()}


def _mounts(project: Definition, definition: ServiceDefinition) -> Iterator[tuple[str, str]]:
    for mount in definition.volumes:
        if mount.type == "bind" and is_inside(mount.source):
            yield mount.target, posixpath.relpath(mount.source, PROJECT)
    for item in definition.configs:
        known = project.configs.get(item.source)
        if known and known.file and is_inside(known.file):
            yield _config_place(item), posixpath.relpath(known.file, PROJECT)


def _files(project: ComposeModel, definition: ServiceDefinition) -> Iterator[tuple[str, str]]:
    def mark(variable: str) -> str:
        return project.placeholders.get(variable, f"placeholder-of-{variable}")

    top = project.definition
    for item in definition.secrets:
        target = item.target or item.source
        secret = top.secrets.get(item.source)
        yield posixpath.join(_SECRETS, target), mark((secret and secret.environment) or target)
    for item in definition.configs:
        known = top.configs.get(item.source)
        if known and known.content:
            yield _config_place(item), known.content
        elif known and known.environment:
            yield _config_place(item), mark(known.environment)


def _config_place(item: FileReference) -> str:
    return posixpath.join("/", item.target or item.source)


def _healthcheck(definition: ServiceDefinition) -> Healthcheck | None:
    test = definition.healthcheck.test
    if definition.healthcheck.disable or not test or test[0] == "NONE":
        return None
    if isinstance(test, str):
        return Healthcheck((test,), in_shell=True)
    return Healthcheck(tuple(test[1:]), test[0] == "CMD-SHELL")


def _url(backing: Backing, secrets: Mapping[str, str]) -> dict[str, str]:
    image = re.split("[:@]", backing.image.rpartition("/")[2])[0]
    if image == "redis":
        return {"TEST_REDIS_URL": f"redis://{backing.name}:6379/0"}
    if image == "postgres":
        given = {name: inserted(text, secrets) for name, text in backing.environment.items()}
        user = given.get("POSTGRES_USER", "postgres")
        file = inserted(backing.files.get(given.get("POSTGRES_PASSWORD_FILE", ""), ""), secrets)
        password = given.get("POSTGRES_PASSWORD") or file
        access = quote(user) + (f":{quote(password)}" if password else "")
        database = given.get("POSTGRES_DB", user)
        return {"TEST_DATABASE_URL": f"postgresql+asyncpg://{access}@{backing.name}:5432/{database}"}
    return {}
