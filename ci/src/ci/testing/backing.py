"""Decide what runs next to unit tests: the services of the compose file that a service depends on."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ci.project.model import is_inside
from ci.sandbox.place import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.project.model import ComposeModel, Service

__all__ = ["Backing", "Healthcheck", "of", "variables"]

_SECRETS = "/run/secrets"


@dataclass(frozen=True)
class Healthcheck:
    """The command of a healthcheck. Its times are for production, where nobody waits for it."""

    command: tuple[str, ...]
    shell: bool


@dataclass(frozen=True)
class Backing:
    """A service that runs beside tests, new for each run, as the compose file describes it.

    Its secrets are placeholders, never the values of --env-file: `files` maps their places to them.
    `mounts` maps places in the container to paths of the project.
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


def of(project: ComposeModel, service: Service) -> list[Backing]:
    """Return what runs beside a service's tests: the services with an image that it depends on."""
    others = (project.services[name] for name in service.depends_on if name in project.services)
    return [_backing(project, other) for other in others if other.image and not _is_own(project, other)]


def variables(service: Service, beside: list[Backing]) -> dict[str, str]:
    """Return the variables that lead tests to what runs beside them.

    These are the service's own variables that name the host of such a service. Two more have the URL of
    a Redis and of a PostgreSQL, for tests that start their own where there is none.
    """
    found = {}
    hosts = "|".join(re.escape(each.name) for each in beside)
    named = re.compile(rf"(?<![\w.-])(?:{hosts})(?![\w.-])")
    for name, value in (service.raw.get("environment") or {}).items():
        if beside and value is not None and named.search(str(value)):
            found[name] = str(value)
    for each in beside:
        found |= _url(each)
    return found


def _is_own(project: ComposeModel, service: Service) -> bool:
    """Whether a service runs an image that the project builds: tests run without these."""
    return bool(service.build) or service.image in {each.image for each in project.built.values()}


def _backing(project: ComposeModel, service: Service) -> Backing:
    raw = service.raw
    environment = {
        name: str(value) for name, value in (raw.get("environment") or {}).items() if value is not None
    }
    return Backing(
        name=service.name,
        image=service.image,
        environment=environment,
        command=tuple(raw.get("command") or ()),
        entrypoint=tuple(raw.get("entrypoint") or ()),
        ports=tuple(sorted(_ports(raw))),
        mounts=dict(_mounts(raw)),
        files=dict(_secrets(project.raw, raw)),
        healthcheck=_healthcheck(raw.get("healthcheck") or {}),
    )


def _ports(raw: Mapping[str, Any]) -> set[int]:
    named = {str(port["target"]) for port in raw.get("ports") or () if port.get("protocol", "tcp") == "tcp"}
    named |= {str(port).removesuffix("/tcp") for port in raw.get("expose") or ()}
    return {int(port) for port in named if port.isdigit()}


def _mounts(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for mount in raw.get("volumes") or ():
        if mount["type"] == "bind" and is_inside(mount["source"]):
            yield mount["target"], posixpath.relpath(mount["source"], PROJECT)


def _secrets(model: Mapping[str, Any], raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for item in raw.get("secrets") or ():
        target = item.get("target") or item["source"]
        definition = (model.get("secrets") or {}).get(item["source"]) or {}
        yield posixpath.join(_SECRETS, target), f"placeholder-of-{definition.get('environment', target)}"


def _healthcheck(raw: Mapping[str, Any]) -> Healthcheck | None:
    test = raw.get("test") or []
    if raw.get("disable") or not test or test[0] == "NONE":
        return None
    return Healthcheck(tuple(test[1:]), test[0] == "CMD-SHELL")


def _url(backing: Backing) -> dict[str, str]:
    image = re.split("[:@]", backing.image.rpartition("/")[2])[0]
    if image == "redis":
        return {"TEST_REDIS_URL": f"redis://{backing.name}:6379/0"}
    if image == "postgres":
        given = backing.environment
        user = given.get("POSTGRES_USER", "postgres")
        password = given.get("POSTGRES_PASSWORD") or backing.files.get(
            given.get("POSTGRES_PASSWORD_FILE", ""), ""
        )
        access = quote(user) + (f":{quote(password)}" if password else "")
        database = given.get("POSTGRES_DB", user)
        return {"TEST_DATABASE_URL": f"postgresql+asyncpg://{access}@{backing.name}:5432/{database}"}
    return {}
