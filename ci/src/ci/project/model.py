"""A project as the pipeline uses it; no YAML is parsed here."""

from __future__ import annotations

import dataclasses
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.project import definition, result
from ci.project.env_file import unreadable
from ci.sandbox.place import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ci.project.definition import (
        BuildDefinition,
        Definition,
        FileObject,
        FileReference,
        Port,
        ServiceDefinition,
    )
    from ci.project.result import ComposeResult

__all__ = [
    "Build",
    "BuildSecret",
    "ComposeModel",
    "Service",
    "inside",
    "is_inside",
    "read",
    "select",
    "value_missing",
]


# Contexts that BuildKit fetches, distinguished from folders as Compose does.
_REMOTE = re.compile(r"[a-z+]+://|git@|github\.com/", re.ASCII)


@dataclass(frozen=True)
class BuildSecret:
    """A secret of `RUN --mount=type=secret,id=…`: the value of a variable, or a file of the project."""

    id: str
    variable: str = ""
    path: str = ""


@dataclass(frozen=True)
class Build:
    """A service's `build:`; paths are relative to the source.

    `inline` is the text of `dockerfile_inline`. `remote` means that the context
    is a URL.
    """

    context: str
    dockerfile: str
    secrets: tuple[BuildSecret, ...] = ()
    inline: str = ""
    remote: bool = False


@dataclass(frozen=True)
class Service:
    """A service, with its definition as Compose prints it."""

    name: str
    definition: ServiceDefinition
    build: Build | None

    @property
    def image(self) -> str:
        """The text of `image:`, or an empty text."""
        return self.definition.image

    @property
    def ports(self) -> tuple[Port, ...]:
        """The published ports."""
        return self.definition.ports

    @property
    def depends_on(self) -> dict[str, str]:
        """The services that it waits for, with the condition that each must reach."""
        return {name: edge.condition for name, edge in sorted(self.definition.depends_on.items())}


@dataclass(frozen=True)
class ComposeModel:
    """A compose project: its name, and its services sorted by name.

    - `model`: Compose's output, to be read by Compose again, with each literal `$` doubled
    - `definition`: the same without doubling, for use in this package; paths in both are the sandbox's
    - `bake`: the Bake file that Compose wrote for the builds
    - `folder`: the project directory in the source
    - `placeholders`: variables and the text that replaces their values
    - `plain`: variables whose values are in the model, because Compose has to interpret them
    - `needed`: variables that require a value and have none, with the places that need them
    - `random`: variables for which any value will do
    - `unset`: variables for which Compose uses an empty text
    - `used`: the places of all these variables
    - `env_files`: the paths that each service names
    - `from_files`: the variables of each service that only these set
    - `missing`: the places that use a `.env` that does not exist, which Compose skips
    - `links`: the symbolic links on the way to a path, and at the end the place that it leads to
    """

    name: str
    services: dict[str, Service]
    definition: Definition
    placeholders: dict[str, str]
    plain: tuple[str, ...] = ()
    folder: str = "."
    bake: dict[str, Any] = dataclasses.field(default_factory=dict)
    model: dict[str, Any] = dataclasses.field(default_factory=dict)
    needed: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    random: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    used: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    env_files: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    from_files: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    missing: tuple[str, ...] = ()
    links: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    @property
    def built(self) -> dict[str, Service]:
        """The services with `build:`, which are tested and released."""
        return {name: service for name, service in self.services.items() if service.build}

    def build_variables(self, services: list[str]) -> set[str]:
        """Return the variables that supply the build secrets of these services."""
        builds = [self.services[name].build for name in services]
        return {secret.variable for build in builds if build for secret in build.secrets if secret.variable}

    def same_build(self, one: str, other: str) -> bool:
        """Return whether two services have the same `build:`, with the keys that nothing here reads."""
        services = self.model["services"]
        return bool(services[one]["build"] == services[other]["build"])

    def check_values(self, services: Iterable[str]) -> None:
        """Raise if services cannot run because a variable requires a value and has none."""
        others = tuple(f"services.{name}." for name in self.services.keys() - set(services))
        missing = {}
        for name, places in self.needed.items():
            concerned = [place for place in places if not place.startswith(others)]
            if concerned or not places:
                missing[name] = ", ".join(concerned) or "the compose file"
        if missing:
            raise value_missing(missing)

    def as_written(self, text: str) -> str:
        """Replace the placeholders in a text by the variables, as the compose file has them."""
        for name, placeholder in self.placeholders.items():
            text = text.replace(placeholder, f"${{{name}}}")
        return text

    @property
    def inline(self) -> dict[str, str]:
        """The texts of `dockerfile_inline` by file name, for checks of Dockerfiles."""
        return {
            f"services.{name}.build.dockerfile_inline.Dockerfile": service.build.inline
            for name, service in self.services.items()
            if service.build and service.build.inline
        }


def value_missing(places: dict[str, str]) -> PipelineError:
    """Return an error for variables that have no value, with the places that need one."""
    return PipelineError(
        "compose.value-missing",
        f"{', '.join(places)}: Compose needs the value, and there is none",
        details="\n".join(f"{name} is used in {where}" for name, where in places.items()),
        hint="set it with --env-file, or with a default in the compose file",
    )


def read(outcome: str, folder: str = ".") -> ComposeModel:
    """Read the output of `container_scripts/compose_config.py`. Raise with Compose's own error."""
    printed = result.read(outcome)
    files = {name: tuple(file.path for file in listed) for name, listed in printed.env_files.items()}
    _check_env_files(printed, files)
    if printed.error:
        raise PipelineError(
            "compose.invalid",
            "Compose rejects the project",
            details=printed.error,
            hint="fix the file that Compose names; `docker compose config` shows the same",
        )
    defined = definition.read(printed.undoubled or printed.model)
    if not defined.services:
        raise PipelineError(
            "compose.no-services",
            "the compose file has no services, or all of them are in profiles that are not enabled",
            details=f"profiles: {', '.join(printed.profiles)}" if printed.profiles else "",
            hint="add one under `services:`, or enable a profile: --profiles NAME",
        )
    return ComposeModel(
        name=defined.name,
        services={
            name: Service(name, item, _build(item.build, defined.secrets, folder) if item.build else None)
            for name, item in sorted(defined.services.items())
        },
        definition=defined,
        model=printed.model,
        bake=printed.bake,
        folder=folder,
        placeholders=printed.placeholders,
        plain=printed.plain,
        needed=printed.needed,
        random=printed.random,
        unset=printed.unset,
        used=printed.used,
        env_files=files,
        from_files=printed.from_files,
        missing=tuple(item.place for item in printed.missing),
        links=printed.links,
    )


def _check_env_files(printed: ComposeResult, files: dict[str, tuple[str, ...]]) -> None:
    """Reject an env file that Compose cannot read, and a required `.env` that is missing."""
    if printed.env_file_error:
        raise unreadable(printed.env_file_error)
    missing: dict[str, list[str]] = {}
    for item in printed.missing:
        if item.required:
            missing.setdefault(posixpath.relpath(item.path, PROJECT), []).append(item.place)
    if missing:
        lines = [f"{path}: {', '.join(places)}" for path, places in missing.items()]
        raise PipelineError(
            "compose.env-file-missing",
            f"a .env file is required but does not exist: {', '.join(missing)}",
            details="\n".join(
                (*lines, "files with this name are never uploaded, because they contain secrets")
            ),
            hint="pass the one in the project's folder: --env-file file:.env; rename others",
        )
    if printed.error:
        for service, paths in files.items():
            for path in paths:
                inside(f"service '{service}': the env file {path}", path)


def select(available: dict[str, Service], only: list[str]) -> dict[str, Service]:
    """Return the named services, or all. Raise for an unknown name, with the valid ones."""
    unknown = [name for name in only if name not in available]
    if unknown:
        raise PipelineError(
            "project.unknown-service",
            f"--only: {', '.join(repr(name) for name in unknown)} is not among the services",
            hint=f"choose from {', '.join(available) or '(there is none)'}; "
            "services of a profile need --profiles",
        )
    return {name: available[name] for name in only or available}


def is_inside(path: str) -> bool:
    """Return whether an absolute path of the model is inside of the source."""
    return f"{posixpath.normpath(path)}/".startswith(f"{PROJECT}/")


def inside(where: str, path: str) -> str:
    """Make an absolute path of the model relative to the source. Raise if it is outside."""
    if not is_inside(path):
        raise PipelineError(
            "project.path-outside",
            f"{where} is outside of the project",
            hint="move it into the project, or set --source to a folder that contains it "
            "and the compose file's folder with --project-directory",
        )
    return posixpath.relpath(path, PROJECT)


def _build(item: BuildDefinition, secrets: dict[str, FileObject], folder: str) -> Build:
    remote = bool(_REMOTE.match(item.context))
    return Build(
        context=item.context if remote else _relative(folder, item.context),
        dockerfile=item.dockerfile,
        secrets=tuple(_build_secret(secret, secrets, folder) for secret in item.secrets),
        inline=item.dockerfile_inline,
        remote=remote,
    )


def _build_secret(item: FileReference, secrets: dict[str, FileObject], folder: str) -> BuildSecret:
    found = secrets.get(item.source, definition.FileObject())
    path = _relative(folder, found.file) if found.file else ""
    return BuildSecret(item.target or item.source, found.environment, path)


def _relative(folder: str, path: str) -> str:
    """Make a path relative to the source. A path outside is unchanged, and the build rejects it."""
    joined = posixpath.normpath(posixpath.join(PROJECT, folder, path))
    return posixpath.relpath(joined, PROJECT) if is_inside(joined) else joined
