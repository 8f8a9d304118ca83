"""Tags and publish."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import anyio
import dagger
from dagger import Doc

from ci import parallel
from ci._dagger import function
from ci.release import labels, registries, summary, tags, version
from ci.release import publish as releases
from ci.release.container import RegistryAccess
from ci.release.signing import Signing, signing
from ci.scan.mirrors import is_mirror
from ci.user_errors import user_errors
from ci.verbs.arguments import (
    Commit,
    Created,
    DatabaseRegistry,
    DefaultBranch,
    DryRun,
    Jobs,
    Mirrors,
    OnHost,
    Password,
    Ref,
    Registry,
    SignKey,
    SignPassword,
    SourceUrl,
    Username,
    Workflow,
)
from ci.verbs.gate_report import GateReport

if TYPE_CHECKING:
    from ci.release.tags import Tags

__all__ = ["VERSION_FILE", "Publish", "PublishRequest"]

VERSION_FILE = "pyproject.toml"


@dataclass(frozen=True)
class PublishRequest:
    """What is to be published, and where: checked before anything is built.

    `services` are those whose images it is about, `target` is where they will be promoted to.
    """

    access: RegistryAccess
    origin: labels.Origin
    tags: Tags
    ref: str
    services: tuple[str, ...]
    workflow: str = ""
    signing: Signing = field(default_factory=Signing)
    dry_run: bool = False
    target: RegistryAccess | None = None


class Publish(GateReport):
    """From images that passed every gate to tags in a registry."""

    @function()
    @user_errors
    async def tags(
        self,
        ref: Ref,
        sha: Annotated[str, Doc("The commit, for its own tag; default: none")] = "",
        default_branch: DefaultBranch = "main",
    ) -> str:
        """Print the tags that a git ref gives its images, without building any."""
        built = list((await self._load()).compose.built)
        return summary.tags(tags.decide(ref, sha=sha, default_branch=default_branch, services=built))

    @function(cache="never")
    @user_errors
    async def publish(
        self,
        registry: Registry,
        ref: Ref,
        commit: Commit,
        created: Created,
        username: Username = "",
        password: Password = None,
        registry_service: OnHost = None,
        sign_key: SignKey = None,
        sign_password: SignPassword = None,
        source_url: SourceUrl = "",
        workflow: Workflow = "",
        default_branch: DefaultBranch = "main",
        dry_run: DryRun = False,
        database_registry: DatabaseRegistry = None,
        mirrors: Mirrors = None,
        jobs: Jobs = 8,
    ) -> str:
        """Build, pass every gate, push all images or none, then move their tags; safe to run again."""
        access = RegistryAccess(registries.parse(registry), username, password, registry_service)
        origin = await self._origin(commit, created, source_url)
        order = await self._order(access, origin, ref, default_branch, workflow, dry_run=dry_run)
        order = await self._signed(order, sign_key, sign_password)
        text, outcome = await self._publish(order, jobs, database_registry, mirrors)
        return f"{text}\n\n{outcome.text()}"

    @function(cache="never")
    @user_errors
    async def publish_report(
        self,
        registry: Registry,
        ref: Ref,
        commit: Commit,
        created: Created,
        username: Username = "",
        password: Password = None,
        registry_service: OnHost = None,
        sign_key: SignKey = None,
        sign_password: SignPassword = None,
        source_url: SourceUrl = "",
        workflow: Workflow = "",
        default_branch: DefaultBranch = "main",
        database_registry: DatabaseRegistry = None,
        mirrors: Mirrors = None,
        jobs: Jobs = 8,
    ) -> dagger.Directory:
        """Do the same as publish (what is there is verified, not pushed again) and return release.json."""
        access = RegistryAccess(registries.parse(registry), username, password, registry_service)
        origin = await self._origin(commit, created, source_url)
        order = await self._order(access, origin, ref, default_branch, workflow)
        order = await self._signed(order, sign_key, sign_password)
        _, outcome = await self._publish(order, jobs, database_registry, mirrors)
        return outcome.directory()

    async def _order(
        self,
        access: RegistryAccess,
        origin: labels.Origin,
        ref: str,
        default_branch: str,
        workflow: str,
        *,
        dry_run: bool = False,
    ) -> PublishRequest:
        """Refuse what cannot be published before anything is built."""
        await access.check("--registry")
        built = list((await self._load()).compose.built)
        decided = tags.decide(ref, sha=origin.revision, default_branch=default_branch, services=built)
        services = (decided.service,) if decided.service else tuple(built)
        access.registry.repositories(list(services))
        return PublishRequest(access, origin, decided, ref, services, workflow, dry_run=dry_run)

    async def _signed(
        self, order: PublishRequest, key: dagger.Secret | None, password: dagger.Secret | None
    ) -> PublishRequest:
        """Return the order with what signs it, tried before anything is built."""
        return replace(order, signing=await signing(await self._builder(), key, password))

    async def _publish(
        self, order: PublishRequest, jobs: int, database: dagger.Service | None, mirrors: list[str] | None
    ) -> tuple[str, releases.Outcome]:
        """Let every gate run on all images, and publish those that the ref is about."""
        # The registry that is lent for the images may be the one that has the database.
        images = (await self._builder()).images
        if database is None and is_mirror(order.access.registry.host, mirrors or [], images):
            database = order.access.service
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._reach, order)
            passed = await self._gate(jobs, database, mirrors)
        builder, scanned = passed.loaded.builder, passed.scanned

        async def candidate(name: str) -> releases.Candidate:
            sbom = await scanned.sbom(name)
            return await releases.candidate(builder, passed.artifacts[name], sbom, passed.gates(name))

        candidates = await parallel.run({n: partial(candidate, n) for n in order.services}, limit=jobs)
        outcome = await releases.publish(
            candidates,
            passed.loaded.builder,
            order.access,
            origin=order.origin,
            tags=order.tags,
            ref=order.ref,
            workflow=order.workflow,
            signing=order.signing,
            dry_run=order.dry_run,
        )
        return passed.text, outcome

    async def _reach(self, order: PublishRequest) -> None:
        """Ask the registries while the gates run, and end these where that fails."""
        accesses = {"registry": order.access} | ({"registry-to": order.target} if order.target else {})
        await releases.reach(await self._builder(), accesses, order.services)

    async def _origin(self, commit: str, created: str, source_url: str) -> labels.Origin:
        text = await self.source.file(VERSION_FILE).contents()
        declared = version.read(text, where=VERSION_FILE)
        return labels.origin(commit, created, source=source_url, version=declared)
