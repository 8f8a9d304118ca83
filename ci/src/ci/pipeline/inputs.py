"""What a call was given, and the project that it is about.

Dagger stores these as the state of objects between calls, and reads their annotations to do so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import dagger

from ci import platforms
from ci.evidence.options import EvidenceOptions
from ci.layer_cache import CacheOptions
from ci.pipeline.evidence import evidence_of
from ci.pipeline.image_store import RepositoryImages
from ci.project import env_file
from ci.project.load import ComposeOptions, Project, load
from ci.references import ImagesMap
from ci.release.container import RegistryAccess
from ci.workspace import Workspace

__all__ = ["Destination", "Inputs", "RegistryOptions", "Revision"]

# The images map that the runtime's base image brings in a closed network (see airgap/). Read here and not
# kept in a field of the module: the engine would cache its value for as long as the module's source stays.
_BUILTIN_MAP = Path("/opt/uv/images.json")
_BUILTIN_IMAGES = _BUILTIN_MAP.read_text() if _BUILTIN_MAP.is_file() else ""


@dataclass(frozen=True)
class Inputs:
    """The options of the constructor, see `ci.main.Ci`."""

    source: dagger.Directory
    files: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    project_directory: str = ""
    env_file: dagger.Secret | None = None
    images: dagger.File | None = None
    docker_config: dagger.Secret | None = None
    ssh_agent: dagger.Socket | None = None
    database: dagger.Directory | None = None
    database_registry: dagger.Service | None = None
    database_mirrors: list[str] = field(default_factory=list)
    cache: str = ""
    cache_branch: str = ""
    cache_write: bool = False
    evidence: str = ""
    run_url: str = ""
    fresh: bool = False
    jobs: int = 8
    platform: str = ""
    emulate_tests: bool = False

    async def workspace(self) -> Workspace:
        """Read the images map and the env file."""
        given = await self.images.contents() if self.images else _BUILTIN_IMAGES
        where = "--images" if self.images else "of the runtime's base image"
        workspace = Workspace.of(
            self.source,
            ImagesMap.from_json(given, where=where),
            env_file=self.env_file,
            docker_config=self.docker_config,
            ssh_agent=self.ssh_agent,
            cache=CacheOptions(self.cache, self.cache_branch, self.cache_write),
        )
        return replace(workspace, values=await env_file.values(workspace))

    @property
    def compose(self) -> ComposeOptions:
        """The options for Compose."""
        return ComposeOptions(self.files, self.profiles, self.project_directory)

    async def project(self, platform: str = "", workspace: Workspace | None = None) -> Project:
        """Let Compose read the project; `platform` replaces that of the constructor."""
        asked = platforms.parse(platform or self.platform)
        project = await load(workspace or await self.workspace(), self.compose)
        written = {
            name: service.definition.build.platforms if service.definition.build else ()
            for name, service in project.compose.built.items()
        }
        chosen = platforms.choose(asked, written, await project.workspace.own_platform())
        given = EvidenceOptions(self.evidence, self.run_url, self.fresh)
        return replace(
            project,
            workspace=replace(project.workspace, platform=chosen.single),
            platforms=replace(chosen, emulated=self.emulate_tests),
            evidence=await evidence_of(project.workspace, project.policy, given),
            image_store=RepositoryImages(project.workspace),
        )

    async def projects(self, own: Project | None = None) -> tuple[Project, Project]:
        """Let Compose read the project by itself, and with the compose files of the stack under test.

        `own` is the first of them if it was read before.
        """
        own = own or await self.project()
        files = list(own.policy.integration_files)
        return own, await replace(self, files=files).project(workspace=own.workspace) if files else own

    async def under_test(self) -> Project:
        """Let Compose read the project with the compose files of the stack under test."""
        return (await self.projects())[1]


@dataclass(frozen=True)
class Revision:
    """The commit that is published, as the caller describes it."""

    ref: str
    commit: str
    created: str
    source_url: str = ""
    workflow: str = ""
    history: dagger.Directory | None = None
    replace_commit_tag: bool = False


@dataclass(frozen=True)
class RegistryOptions:
    """The options of `registry` or `with-target` as they were given; `pipeline.publish` checks them."""

    address: str
    username: str = ""
    password: dagger.Secret | None = None
    service: dagger.Service | None = None
    sign_key: dagger.Secret | None = None
    sign_password: dagger.Secret | None = None


@dataclass(frozen=True)
class Destination:
    """Where images go, and what signs them; `target` is where a release is promoted to."""

    access: RegistryAccess
    sign_key: dagger.Secret | None = None
    sign_password: dagger.Secret | None = None
    target: RegistryAccess | None = None
