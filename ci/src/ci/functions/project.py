"""Options of the constructor: the project, and what its functions need to read it."""

from __future__ import annotations

from typing import Annotated

import dagger
from dagger import DefaultPath, Doc, Ignore

__all__ = [
    "CacheBranch",
    "CacheWrite",
    "Database",
    "DatabaseMirrors",
    "DatabaseRegistry",
    "DockerConfig",
    "EmulateTests",
    "EnvFile",
    "EvidenceRepository",
    "Files",
    "Fresh",
    "Images",
    "Jobs",
    "LayerCache",
    "Platforms",
    "Profiles",
    "ProjectDirectory",
    "RunUrl",
    "Source",
    "SshAgent",
]

Source = Annotated[
    dagger.Directory,
    DefaultPath("/"),
    Ignore(["**/.venv", "**/__pycache__", "**/.*_cache", "**/.env"]),
    Doc("The project: the folder that contains the compose file"),
]
Files = Annotated[
    list[str] | None,
    Doc("Compose files, in the order they are merged; default: those that Compose finds"),
]
Profiles = Annotated[list[str] | None, Doc("Compose profiles to enable; default: none")]
ProjectDirectory = Annotated[
    str,
    Doc(
        "The compose project's folder in --source, which the paths in its files are relative to; "
        "default: that of the first of --files"
    ),
]
EnvFile = Annotated[
    dagger.Secret | None,
    Doc(
        "Values for the compose file's variables and for build secrets, in Compose's env file format, "
        "as file:.env; default: none"
    ),
]
Images = Annotated[
    dagger.File | None,
    Doc(
        "Images map: a JSON object of reference to reference, null = not available here; "
        "default: that of the engine's network, if it has one"
    ),
]
DockerConfig = Annotated[
    dagger.Secret | None,
    Doc(
        "Docker's config.json with credentials for private base images and for `registry`, as file:PATH; "
        "default: none"
    ),
]
SshAgent = Annotated[
    dagger.Socket | None,
    Doc("SSH agent for builds with an ssh key in the compose file, as $SSH_AUTH_SOCK; default: none"),
]
Database = Annotated[
    dagger.Directory | None,
    Doc("A folder with Trivy's trivy.db and metadata.json; default: the database is fetched"),
]
DatabaseRegistry = Annotated[
    dagger.Service | None,
    Doc("A registry on your machine that has Trivy's database: tcp://127.0.0.1:5000; default: none"),
]
DatabaseMirrors = Annotated[
    list[str] | None,
    Doc("Repositories that Trivy's database is fetched from, in this order; default: Trivy's own two"),
]
LayerCache = Annotated[
    str, Doc("Layer cache that builds read: a repository as host[:port]/name; default: tool.ci.cache")
]
CacheBranch = Annotated[
    str, Doc("A branch whose layers are read in addition to those of tool.ci.default-branch; default: none")
]
CacheWrite = Annotated[
    bool, Doc("Also write the layer cache of --cache-branch, and evidence: for trusted jobs")
]
EvidenceRepository = Annotated[
    str,
    Doc(
        "Repository with the evidence of passed gates, which are then not run again, as host[:port]/name; "
        "only trusted jobs may write to it; default: tool.ci.evidence, or that of the layer cache"
    ),
]
RunUrl = Annotated[str, Doc("The address of this run, which its evidence names; default: none")]
Fresh = Annotated[bool, Doc("Run every gate and ignore evidence")]
Jobs = Annotated[int, Doc("How many images are worked on concurrently")]
Platforms = Annotated[
    str,
    Doc(
        "Platforms of all images, such as linux/amd64,linux/arm64: several give each image one index; "
        "default: those of each build in the compose file, else the engine's own"
    ),
]
EmulateTests = Annotated[bool, Doc("Also run the unit tests for platforms that the engine can only emulate")]
