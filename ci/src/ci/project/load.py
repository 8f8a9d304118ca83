"""Load a project: its compose model, policy, images and stack."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ci import module_source, tools
from ci.errors import PipelineError
from ci.evidence.evidence import Evidence
from ci.platforms import Platforms
from ci.project import images, model, policy
from ci.sandbox.place import PROJECT

if TYPE_CHECKING:
    from ci.layer_cache import ImageStore
    from ci.listing import Listing
    from ci.workspace import Workspace

__all__ = ["COMPOSE_FILES", "ComposeOptions", "Project", "load", "settings_of"]

# The names that Compose looks for, in its order.
COMPOSE_FILES = tuple(
    f"{name}.{end}"
    for name in ("compose", "docker-compose", "compose.override", "docker-compose.override")
    for end in ("yaml", "yml")
)
_CANDIDATES = "**/*compose*.y*ml"
_NAMED = 5
_PROGRAM = "ci/container_scripts/compose_*.py"
_ENV_FILE = "/run/secrets/env-file"
_DOCKER_CONFIG = "/opt/docker-config"
_BUILDX = "/usr/local/libexec/docker/cli-plugins/docker-buildx"


@dataclass(frozen=True)
class ComposeOptions:
    """Options for Compose: compose files (none: Compose's default), profiles, project directory.

    The files are relative to the directory, which is that of the first file if none is given, as for Compose.
    """

    files: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    folder: str = ""

    def placed(self) -> ComposeOptions:
        """Return these options with a project directory."""
        first = posixpath.dirname(posixpath.normpath(self.files[0])) if self.files else ""
        if self.folder or not first or first.startswith(("/", "..")):
            return replace(self, folder=posixpath.normpath(self.folder or "."))
        return replace(self, folder=first, files=[posixpath.relpath(each, first) for each in self.files])


@dataclass(frozen=True)
class Project:
    """A project, after Compose and pyproject.toml have been read, with what is known of it."""

    workspace: Workspace
    compose: model.ComposeModel
    policy: policy.Policy
    evidence: Evidence = field(default_factory=Evidence)
    image_store: ImageStore | None = None
    platforms: Platforms = field(default_factory=Platforms)

    def left_out(self) -> dict[str, str]:
        """Map services whose image is marked as not available to that image.

        An image whose variable has no value is not known yet.
        """
        images.check(self.compose, self.compose.services)
        return {
            name: service.image
            for name, service in self.compose.services.items()
            if service.image
            and not service.build
            and self.compose.as_written(service.image) == service.image
            and self.workspace.images.resolve(service.image, where=f"service '{name}'") is None
        }

    def with_needed(self, only: list[str]) -> dict[str, model.Service]:
        """Return the named services and all their dependencies; all services if none is named."""
        wanted = list(model.select(self.compose.services, only))
        found: dict[str, model.Service] = {}
        while wanted:
            name = wanted.pop()
            if name not in found:
                found[name] = self.compose.services[name]
                wanted += [other for other in found[name].depends_on if other in self.compose.services]
        return {name: found[name] for name in sorted(found)}


async def load(workspace: Workspace, asked: ComposeOptions) -> Project:
    """Read the project with Compose."""
    asked = asked.placed()
    settings = await settings_of(workspace.listing)
    try:
        compose = await _read(workspace, asked)
    except PipelineError as error:
        if missing := await _no_file(workspace.listing, asked):
            raise missing from error
        raise
    settings.check_services(list(compose.built))
    return Project(workspace, compose, settings)


async def _read(workspace: Workspace, asked: ComposeOptions) -> model.ComposeModel:
    binary = workspace.tool(tools.COMPOSE).file("/docker-compose")
    buildx = workspace.tool(tools.DOCKER).file(_BUILDX)
    folder = posixpath.normpath(posixpath.join(PROJECT, asked.folder))
    request = {"files": asked.files, "profiles": asked.profiles, "bake": True}
    words = ["/docker-compose", folder, "/outcome.json", json.dumps(request)]
    container = (
        workspace.tool(tools.PYTHON)
        .with_mounted_file("/docker-compose", binary)
        .with_mounted_directory("/program", module_source.files().filter(include=[_PROGRAM]))
        .with_env_variable("PYTHONPATH", "/program")
        .with_mounted_file(f"{_DOCKER_CONFIG}/cli-plugins/docker-buildx", buildx)
        .with_env_variable("DOCKER_CONFIG", _DOCKER_CONFIG)
        .with_mounted_temp("/tmp")  # noqa: S108 - a tmpfs of the container
        .with_mounted_directory(PROJECT, workspace.source)
    )
    if workspace.env_file:
        # The contents of a container's secrets are part of Dagger's cache key.
        container = container.with_mounted_secret(_ENV_FILE, workspace.env_file, mode=0o400)
        words.append(_ENV_FILE)
    done = container.with_exec(["python3", "-m", "ci.container_scripts.compose_config", *words])
    return model.read(await done.file("/outcome.json").contents(), asked.folder)


async def _no_file(listing: Listing, asked: ComposeOptions) -> PipelineError | None:
    """Return an error that names the compose files elsewhere, if the project's folder has none."""
    folder, source = posixpath.normpath(asked.folder), listing.source
    if not await listing.has_folder(folder):
        return no_file(folder, await source.glob(_CANDIDATES), *asked.files[:1])
    for file in asked.files:
        if not file.startswith("/") and not await listing.has(posixpath.join(folder, file)):
            return no_file(folder, await source.glob(_CANDIDATES), file)
    if asked.files or await listing.names(folder) & set(COMPOSE_FILES):
        return None
    return no_file(folder, await source.glob(_CANDIDATES))


def no_file(folder: str, elsewhere: list[str], file: str = "compose file") -> PipelineError:
    """Return an error that says how to choose a compose file that is elsewhere in the source."""
    named = [path for path in elsewhere if posixpath.basename(path) == posixpath.basename(file)]
    others = sorted(named or elsewhere, key=_likely)[:_NAMED]
    return PipelineError(
        "compose.no-file",
        f"there is no {file} in the project's folder '{folder}'",
        details="\n".join(("compose files elsewhere:", *others)) if others else "",
        hint=f"choose the file by its folder, and by its name if it is not a usual one: {_words(others[0])}"
        if others
        else "add a compose.yaml, or set --source to the folder that contains it",
    )


def _likely(path: str) -> tuple[bool, int, str]:
    """Sort files that Compose finds by itself before others, and those near the root first."""
    return posixpath.basename(path) not in COMPOSE_FILES, path.count("/"), path


def _words(path: str) -> str:
    """Return the options that choose a compose file; its paths are relative to its own folder as usual."""
    folder, name = posixpath.split(path)
    words = f"--project-directory {folder}" if folder else ""
    return words if name in COMPOSE_FILES else f"{words} --files {name}".lstrip()


async def settings_of(source: Listing) -> policy.Policy:
    """Read the project's settings, from either place."""
    return policy.read(await source.text(policy.PYPROJECT), await source.text(policy.OWN_FILE))
