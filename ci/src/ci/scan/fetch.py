"""Fetch the databases once for all scans, or take those that are given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import dagger
from dagger import dag

from ci.build.run import digest_of
from ci.scan import database as about
from ci.scan import mirrors
from ci.scan.container import TRIVY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ci.evidence.evidence import Evidence
    from ci.project.model import ComposeModel
    from ci.project.policy import Policy
    from ci.scan.database import Database
    from ci.scan.gate import Rules
    from ci.workspace import Workspace

__all__ = ["Databases", "Request", "fetch", "identity"]

_SECONDS = "300"
_PROGRAM = ("python3", "-m", "ci.container_scripts.trivy_database")


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
        rules = replace(self.rules, denied=policy.denied_licenses, accepted_gaps=policy.accepted_gaps)
        return replace(self, rules=rules, skip=policy.scan_skip, beside=compose.inline)


@dataclass(frozen=True)
class Databases:
    """The vulnerability database's folder and what it is; the Java database is fetched where it is needed."""

    folder: dagger.Directory
    text: str
    about: Database
    mirrors: mirrors.Mirrors
    fetching: dagger.Container

    async def java(self) -> dagger.Directory | None:
        """Return the Java database: the one beside the other, or a mirror's; nothing if neither has one."""
        if self.about.java:
            return self.folder.directory("java-db")
        if not self.mirrors.java:
            return None
        done = self.fetching.with_exec(_fetch("fetch-java", self.mirrors, self.mirrors.java))
        try:
            await done.file("/database/about.json").size()
        except dagger.ExecError:
            return None  # the scan reports the archives that it then cannot identify
        return done.directory("/database/java-db")


async def fetch(
    workspace: Workspace, scanner: dagger.Container, request: Request, now: datetime
) -> Databases:
    """Return the databases; the vulnerability database is fetched once a day.

    One that is given comes before mirrors that are named, and those before the image of the images map.
    """
    found = mirrors.Mirrors(())
    image = "" if request.mirrors or request.registry else mirrors.image(workspace.images)
    given = request.database or (dag.container().from_(image).rootfs() if image else None)
    if given:
        origin = "" if request.database else image
        scanner = scanner.with_mounted_directory("/given", given)
        done = scanner.with_exec([*_PROGRAM, "take", "/given", "/database", origin])
    else:
        found = mirrors.resolve(list(request.mirrors), workspace.images, service=request.registry is not None)
        if request.registry:
            scanner = scanner.with_service_binding(found.alias, request.registry)
        scanner = scanner.with_env_variable("CI_DATABASE_DAY", now.date().isoformat())
        done = scanner.with_exec(_fetch("fetch", found, found.references))
    try:
        text = await done.file("/database/about.json").contents()
    except dagger.ExecError as error:
        raise about.failure(found.as_given(error.stderr)) from error
    text = found.as_given(text)
    return Databases(done.directory("/database/db"), text, about.read(text), found, scanner)


async def identity(workspace: Workspace, request: Request, evidence: Evidence) -> str:
    """Return what identifies the vulnerability database without fetching it; empty if nothing does."""
    if request.database:
        return await request.database.digest()
    if not request.mirrors and not request.registry and (image := mirrors.image(workspace.images)):
        return await digest_of(image)
    found = mirrors.resolve(list(request.mirrors), workspace.images, service=request.registry is not None)
    return await evidence.resolve(found.references[0], request.registry)


def _fetch(command: str, found: mirrors.Mirrors, references: tuple[str, ...]) -> list[str]:
    return [*_PROGRAM, command, TRIVY, "/database", _SECONDS, found.bound or "-", *references]
