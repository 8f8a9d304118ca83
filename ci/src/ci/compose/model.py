"""The model that Compose printed, as types; nothing here re-reads YAML."""

from __future__ import annotations

import dataclasses
import json
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Build", "BuildSecret", "Port", "Project", "Service", "inside", "read", "select", "with_images"]


# The contexts that BuildKit fetches by itself, as Compose tells them from folders.
_REMOTE = re.compile(r"[a-z+]+://|git@|github\.com/", re.ASCII)


@dataclass(frozen=True)
class BuildSecret:
    """A secret of `RUN --mount=type=secret,id=…`: a variable's value or a file of the project."""

    id: str
    variable: str = ""
    path: str = ""


@dataclass(frozen=True)
class Build:
    """A service's `build:`; paths are relative to the source.

    `inline` is the text of its Dockerfile where that is in the compose file,
    `remote` says that its context is an address.
    """

    context: str
    dockerfile: str
    arguments: dict[str, str]
    target: str = ""
    secrets: tuple[BuildSecret, ...] = ()
    inline: str = ""
    remote: bool = False


@dataclass(frozen=True)
class Port:
    """One published port; `published` is empty where the host's is free to choose."""

    target: int
    published: str = ""
    protocol: str = "tcp"

    def __str__(self) -> str:
        suffix = "" if self.protocol == "tcp" else f"/{self.protocol}"
        return f"{self.published or '*'}:{self.target}{suffix}"


@dataclass(frozen=True)
class Service:
    """One service; `depends_on` maps a service to the condition it must reach.

    `raw` is all that Compose printed of it; the stack's plan reads the rest there.
    """

    name: str
    image: str
    build: Build | None
    ports: tuple[Port, ...]
    depends_on: dict[str, str]
    raw: dict[str, Any]


@dataclass(frozen=True)
class Project:
    """A compose project: its name and its services in the order of their names.

    `raw` is the whole model; `placeholders` maps the variables that had no
    value to what stands in their place in the model; `plain` names those that
    Compose takes only as numbers, sizes or flags. `folder` is the project
    directory in the source, which the model's own paths start from. `bake` is
    the Bake file that Compose wrote of the builds.
    """

    name: str
    services: dict[str, Service]
    raw: dict[str, Any]
    placeholders: dict[str, str]
    plain: tuple[str, ...] = ()
    folder: str = "."
    bake: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def built(self) -> dict[str, Service]:
        """The services that have a `build:`; they are what is tested and released."""
        return {name: service for name, service in self.services.items() if service.build}

    def build_variables(self, services: list[str]) -> set[str]:
        """Return the variables that the build secrets of these services come from."""
        builds = [self.services[name].build for name in services]
        return {secret.variable for build in builds if build for secret in build.secrets if secret.variable}

    @property
    def inline(self) -> dict[str, str]:
        """The texts of `dockerfile_inline`, each by a file's name: for who checks Dockerfiles."""
        return {
            f"services.{name}.build.dockerfile_inline.Dockerfile": service.build.inline
            for name, service in self.services.items()
            if service.build and service.build.inline
        }


def read(outcome: str, folder: str = ".") -> Project:
    """Read what `container_scripts/compose_config.py` wrote; Compose's own error is passed on."""
    data: dict[str, Any] = json.loads(outcome)
    if "error" in data:
        raise PipelineError(
            "Compose refuses the project",
            details=data["error"],
            next_step="mend the file that Compose names; `docker compose config` shows the same",
        )
    model: dict[str, Any] = data["model"]
    placeholders: dict[str, str] = data.get("placeholders", {})
    services = {
        name: _service(name, item, model.get("secrets") or {}, folder)
        for name, item in sorted(model["services"].items())
    }
    if not services:
        raise PipelineError("the compose file has no services", next_step="add one under `services:`")
    plain = tuple(data.get("plain", ()))
    return Project(model["name"], services, model, placeholders, plain, folder, data.get("bake") or {})


def with_images(project: Project, values: Mapping[str, str]) -> Project:
    """Return the project with the values in its image references, which are no secrets.

    A reference whose variable has no value stays with its placeholder: who
    wants the image is told.
    """
    services = {}
    for name, service in project.services.items():
        image = service.image
        for variable, placeholder in project.placeholders.items():
            image = image.replace(placeholder, values.get(variable, placeholder))
        services[name] = dataclasses.replace(service, image=image)
    return dataclasses.replace(project, services=services)


def select(available: dict[str, Service], only: list[str]) -> dict[str, Service]:
    """Return the named services, or all; an unknown name lists the valid ones."""
    unknown = [name for name in only if name not in available]
    if unknown:
        raise PipelineError(
            f"--only: {', '.join(repr(name) for name in unknown)} is not among the services",
            next_step=f"choose from {', '.join(available) or '(there is none)'}",
        )
    return {name: available[name] for name in only or available}


def inside(where: str, folder: str, path: str) -> str:
    """Return a path of the model as one in the source; what is outside of it cannot be had in an engine."""
    joined = posixpath.normpath(posixpath.join(folder, path))
    if path.startswith("~") or joined.startswith(("/", "..")):
        raise PipelineError(
            f"{where} is outside of the project",
            next_step="move it into the project, or let --source be a folder that holds it "
            "and name the compose file's with --project-directory",
        )
    return joined


def _service(name: str, item: dict[str, Any], secrets: dict[str, Any], folder: str) -> Service:
    build = item.get("build")
    return Service(
        name=name,
        image=item.get("image", ""),
        build=_build(name, build, secrets, folder) if build else None,
        ports=tuple(
            Port(port["target"], str(port.get("published", "")), port.get("protocol", "tcp"))
            for port in item.get("ports") or ()
        ),
        depends_on={
            other: edge["condition"] for other, edge in sorted((item.get("depends_on") or {}).items())
        },
        raw=item,
    )


def _build(name: str, item: dict[str, Any], secrets: dict[str, Any], folder: str) -> Build:
    context = item.get("context", ".")
    remote = bool(_REMOTE.match(context))
    return Build(
        context=context
        if remote
        else inside(f"service '{name}': the build context {context}", folder, context),
        dockerfile=item.get("dockerfile", "Dockerfile"),
        arguments={name: value or "" for name, value in sorted((item.get("args") or {}).items())},
        target=item.get("target", ""),
        secrets=tuple(_build_secret(name, secret, secrets, folder) for secret in item.get("secrets") or ()),
        inline=item.get("dockerfile_inline", ""),
        remote=remote,
    )


def _build_secret(name: str, item: dict[str, Any], secrets: dict[str, Any], folder: str) -> BuildSecret:
    definition = secrets.get(item["source"]) or {}
    path = definition.get("file", "")
    where = f"service '{name}': the build secret {path}"
    return BuildSecret(
        item.get("target") or item["source"],
        definition.get("environment", ""),
        inside(where, folder, path) if path else "",
    )
