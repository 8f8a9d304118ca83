"""Fetch the vulnerability database once for all scans, or take the one that is given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci.scan import database as about
from ci.scan import mirrors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ci.project.model import ComposeModel
    from ci.project.policy import Policy
    from ci.scan.database import Database
    from ci.scan.gate import Rules
    from ci.workspace import Workspace

__all__ = ["Request", "fetch"]

_SECONDS = "300"


@dataclass(frozen=True)
class Request:
    """What a call of `scan` was given.

    `registry` is a registry that only the client's machine reaches, bound for the fetch of the
    database alone; `database` is one that is there already, and then nothing is fetched. `history` is
    a repository's .git, to look for secrets there as well; `beside` are texts to scan as files of the source.
    """

    rules: Rules
    jobs: int = 2
    source: bool = True
    base: dagger.File | None = None
    mirrors: tuple[str, ...] = ()
    registry: dagger.Service | None = None
    database: dagger.Directory | None = None
    skip: tuple[str, ...] = ()
    vex: tuple[str, ...] = ()
    history: dagger.Directory | None = None
    beside: Mapping[str, str] = field(default_factory=dict)

    def under(self, policy: Policy, compose: ComposeModel) -> Request:
        """Return the request with what the project's settings and its compose file say."""
        rules = replace(self.rules, refused=policy.denied_licenses)
        return replace(self, rules=rules, skip=policy.scan_skip, beside=compose.inline)


async def fetch(
    workspace: Workspace, python: dagger.Container, request: Request, now: datetime
) -> tuple[dagger.Directory, Database]:
    """Return the database's folder and what it is; fetched once a day.

    One that is given comes before mirrors that are named, and those before the image of the images map.
    """
    found = mirrors.Mirrors(())
    program = ["python3", "/trivy_database.py"]
    image = "" if request.mirrors or request.registry else mirrors.image(workspace.images)
    given = request.database or (dag.container().from_(image).rootfs() if image else None)
    if given:
        origin = "" if request.database else image
        python = python.with_mounted_directory("/given", given)
        done = python.with_exec([*program, "take", "/given", "/database", origin])
    else:
        found = mirrors.resolve(list(request.mirrors), workspace.images, service=request.registry is not None)
        if request.registry:
            python = python.with_service_binding(found.alias, request.registry)
        python = python.with_env_variable("CI_DATABASE_DAY", now.date().isoformat())
        command = [*program, "fetch", "/usr/local/bin/trivy", "/database", _SECONDS, found.bound or "-"]
        done = python.with_exec([*command, *found.references])
    try:
        text = await done.file("/database/about.json").contents()
    except dagger.ExecError as error:
        raise about.failure(found.as_given(error.stderr)) from error
    return done.directory("/database/db"), about.read(found.as_given(text))
