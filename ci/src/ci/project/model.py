"""The model that Compose printed, as types; nothing here re-reads YAML."""

from __future__ import annotations

import dataclasses
import json
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.project.env_file import unreadable
from ci.sandbox.place import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "Build",
    "BuildSecret",
    "ComposeModel",
    "Port",
    "Service",
    "inside",
    "is_inside",
    "read",
    "select",
]


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

    `raw` is all that Compose printed of it.
    """

    name: str
    image: str
    build: Build | None
    ports: tuple[Port, ...]
    depends_on: dict[str, str]
    raw: dict[str, Any]


@dataclass(frozen=True)
class ComposeModel:
    """A compose project: its name and its services in the order of their names.

    `model` is what Compose printed, to be given to Compose again: each literal
    `$` in it is doubled. `raw` is the same as it is meant, to be read here. Paths
    in both are absolute, of the sandbox. `bake` is the Bake file that Compose
    wrote of the builds. `folder` is the project directory in the source.

    `placeholders` maps variables to the text that is in the place of their
    values; `plain` names those whose values are in the model, because Compose
    has to understand them. `needed` maps the variables that have to have a value
    and have none to the places that need it, `random` are those of which any value
    will do, `unset` those for which Compose takes an empty text; `used` has the
    places of all these. `env_files` are the paths that each service names.
    `missing` are the places of a `.env` that is not here, which Compose skips.
    """

    name: str
    services: dict[str, Service]
    raw: dict[str, Any]
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
    missing: tuple[str, ...] = ()

    @property
    def built(self) -> dict[str, Service]:
        """The services that have a `build:`; they are what is tested and released."""
        return {name: service for name, service in self.services.items() if service.build}

    def build_variables(self, services: list[str]) -> set[str]:
        """Return the variables that the build secrets of these services come from."""
        builds = [self.services[name].build for name in services]
        return {secret.variable for build in builds if build for secret in build.secrets if secret.variable}

    def check_values(self, services: Iterable[str]) -> None:
        """Refuse to run services for which a variable needs a value that nobody gave."""
        others = tuple(f"services.{name}." for name in self.services.keys() - set(services))
        missing = {}
        for name, places in self.needed.items():
            concerned = [place for place in places if not place.startswith(others)]
            if concerned or not places:
                missing[name] = ", ".join(concerned) or "the compose file"
        if missing:
            raise PipelineError(
                "compose.value-missing",
                f"{', '.join(missing)}: Compose has to know the value, and there is none",
                details="\n".join(f"{name} is used in {where}" for name, where in missing.items()),
                hint="give it with --env-file, or give it a default in the compose file",
            )

    @property
    def inline(self) -> dict[str, str]:
        """The texts of `dockerfile_inline`, each by a file's name: for who checks Dockerfiles."""
        return {
            f"services.{name}.build.dockerfile_inline.Dockerfile": service.build.inline
            for name, service in self.services.items()
            if service.build and service.build.inline
        }


def read(outcome: str, folder: str = ".") -> ComposeModel:
    """Read the outcome of `container_scripts/compose_config.py`; Compose's own error is passed on."""
    data: dict[str, Any] = json.loads(outcome)
    files = {
        name: tuple(file["path"] for file in listed) for name, listed in data.get("env_files", {}).items()
    }
    _check_env_files(data, files)
    if "error" in data:
        raise PipelineError(
            "compose.invalid",
            "Compose refuses the project",
            details=data["error"],
            hint="fix the file that Compose names; `docker compose config` shows the same",
        )
    raw: dict[str, Any] = data.get("raw", data["model"])
    services = {
        name: _service(name, item, raw.get("secrets") or {}, folder)
        for name, item in sorted(raw["services"].items())
    }
    if not services:
        raise PipelineError(
            "compose.no-services", "the compose file has no services", hint="add one under `services:`"
        )
    return ComposeModel(
        name=raw["name"],
        services=services,
        raw=raw,
        model=data["model"],
        bake=data.get("bake", {}),
        folder=folder,
        placeholders=data.get("placeholders", {}),
        plain=tuple(data.get("plain", ())),
        needed={name: tuple(places) for name, places in data.get("needed", {}).items()},
        random=tuple(data.get("random", ())),
        unset=tuple(data.get("unset", ())),
        used={name: tuple(places) for name, places in data.get("used", {}).items()},
        env_files=files,
        missing=tuple(item["place"] for item in data.get("missing", ())),
    )


def _check_env_files(data: Mapping[str, Any], files: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse an env file that Compose cannot read, and a `.env` that is needed and was not given."""
    if "env_file_error" in data:
        raise unreadable(data["env_file_error"])
    missing = [item for item in data.get("missing", ()) if item["required"]]
    if missing:
        raise PipelineError(
            "compose.env-file-missing",
            f"a .env file is used that is not here: {', '.join(item['place'] for item in missing)}",
            details="files with this name are never uploaded, because they hold secrets",
            hint="give the one of the project's folder: --env-file file:.env; give others another name",
        )
    if "error" in data:
        for service, paths in files.items():
            for path in paths:
                inside(f"service '{service}': the env file {path}", path)


def select(available: dict[str, Service], only: list[str]) -> dict[str, Service]:
    """Return the named services, or all; an unknown name lists the valid ones."""
    unknown = [name for name in only if name not in available]
    if unknown:
        raise PipelineError(
            "project.unknown-service",
            f"--only: {', '.join(repr(name) for name in unknown)} is not among the services",
            hint=f"choose from {', '.join(available) or '(there is none)'}",
        )
    return {name: available[name] for name in only or available}


def is_inside(path: str) -> bool:
    """Return whether an absolute path of the model is in the source."""
    return f"{posixpath.normpath(path)}/".startswith(f"{PROJECT}/")


def inside(where: str, path: str) -> str:
    """Return an absolute path of the model relative to the source; nothing else is in an engine."""
    if not is_inside(path):
        raise PipelineError(
            "project.path-outside",
            f"{where} is outside of the project",
            hint="move it into the project, or let --source be a folder that holds it "
            "and name the compose file's with --project-directory",
        )
    return posixpath.relpath(path, PROJECT)


def _service(name: str, item: dict[str, Any], secrets: dict[str, Any], folder: str) -> Service:
    build = item.get("build")
    return Service(
        name=name,
        image=item.get("image", ""),
        build=_build(build, secrets, folder) if build else None,
        ports=tuple(
            Port(port["target"], str(port.get("published", "")), port.get("protocol", "tcp"))
            for port in item.get("ports") or ()
        ),
        depends_on={
            other: edge["condition"] for other, edge in sorted((item.get("depends_on") or {}).items())
        },
        raw=item,
    )


def _build(item: dict[str, Any], secrets: dict[str, Any], folder: str) -> Build:
    context = item.get("context", ".")
    remote = bool(_REMOTE.match(context))
    return Build(
        context=context if remote else _relative(folder, context),
        dockerfile=item.get("dockerfile", "Dockerfile"),
        secrets=tuple(_build_secret(secret, secrets, folder) for secret in item.get("secrets") or ()),
        inline=item.get("dockerfile_inline", ""),
        remote=remote,
    )


def _build_secret(item: dict[str, Any], secrets: dict[str, Any], folder: str) -> BuildSecret:
    definition = secrets.get(item["source"]) or {}
    path = definition.get("file", "")
    return BuildSecret(
        item.get("target") or item["source"],
        definition.get("environment", ""),
        _relative(folder, path) if path else "",
    )


def _relative(folder: str, path: str) -> str:
    """Return a path relative to the source; one outside of it as it is, for the build to refuse."""
    joined = posixpath.normpath(posixpath.join(PROJECT, folder, path))
    return posixpath.relpath(joined, PROJECT) if is_inside(joined) else joined
