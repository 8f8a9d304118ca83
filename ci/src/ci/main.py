"""The class that Dagger calls, put together from its verbs."""

from __future__ import annotations

from typing import Annotated

import dagger
from dagger import DefaultPath, Doc, Ignore

from ci._dagger import object_type
from ci.errors import hide_tracebacks
from ci.verbs.build import Build
from ci.verbs.explain import Explain
from ci.verbs.lint import Lint
from ci.verbs.release import Release
from ci.verbs.stack import Stack

hide_tracebacks()


@object_type
class Ci(Build, Lint, Stack, Release, Explain):
    """The pipeline between `git push` and a trusted image, driven by compose.yaml."""

    source: Annotated[
        dagger.Directory,
        DefaultPath("/"),
        Ignore(["**/.venv", "**/__pycache__", "**/.*_cache", "**/.env"]),
        Doc("The project: the folder that holds the compose file"),
    ]
    images: Annotated[
        dagger.File | None,
        Doc(
            "Images map: a JSON object of reference to reference, null = not available here; "
            "default: the one of the engine's network, if it has one"
        ),
    ] = None
    env_file: Annotated[
        dagger.Secret | None,
        Doc(
            "Values for the compose file's variables and for build secrets, in Compose's env file format, "
            "as file:.env; default: none"
        ),
    ] = None
    docker_config: Annotated[
        dagger.Secret | None,
        Doc("Docker's config.json with credentials for private base images, as file:PATH; default: none"),
    ] = None
    ssh_agent: Annotated[
        dagger.Socket | None,
        Doc("SSH agent for builds with an ssh key in the compose file, as $SSH_AUTH_SOCK; default: none"),
    ] = None
