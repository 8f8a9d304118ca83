"""Release, promote, verify."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import dagger
from dagger import Doc

from ci._dagger import function
from ci.errors import PipelineError
from ci.release import manifest, notes, registries, version
from ci.release import publish as releases
from ci.release.container import RegistryAccess
from ci.release.signing import by_public_key
from ci.report import table
from ci.user_errors import user_errors
from ci.verbs.arguments import (
    Commit,
    Created,
    DatabaseRegistry,
    DryRun,
    Jobs,
    Mirrors,
    OnHost,
    Password,
    PublicKey,
    Ref,
    Registry,
    ReleaseFile,
    SignKey,
    SignPassword,
    SourceUrl,
    Username,
    Workflow,
)
from ci.verbs.publish import VERSION_FILE, Publish, PublishRequest

__all__ = ["Release"]


class Release(Publish):
    """A version with its papers, and what is done with it later."""

    @function(cache="never")
    @user_errors
    async def promote(
        self,
        release: ReleaseFile,
        from_: Registry,
        to: Registry,
        only: Annotated[list[str] | None, Doc("Digests of the manifest to promote; default: all")] = None,
        from_username: Username = "",
        from_password: Password = None,
        from_service: OnHost = None,
        to_username: Username = "",
        to_password: Password = None,
        to_service: OnHost = None,
        dry_run: DryRun = False,
    ) -> str:
        """Copy a released set to another registry by digest, with SBOM, provenance and signatures."""
        source = RegistryAccess(
            registries.parse(from_, where="--from"), from_username, from_password, from_service
        )
        target = RegistryAccess(registries.parse(to, where="--to"), to_username, to_password, to_service)
        await source.check("--from")
        await target.check("--to")
        read = manifest.read(await release.contents(), where="--release")
        builder = await self._builder()
        outcome = await releases.promote(read, builder, source, target, only=only or [], dry_run=dry_run)
        return outcome.text()

    @function(cache="never")
    @user_errors
    async def verify(
        self,
        release: ReleaseFile,
        username: Username = "",
        password: Password = None,
        registry_service: OnHost = None,
        public_key: PublicKey = None,
    ) -> str:
        """Check that each digest of a release is there with its SBOM and provenance, and signed by a key."""
        read = manifest.read(await release.contents(), where="--release")
        access = RegistryAccess(registries.parse(read.registry), username, password, registry_service)
        await access.check("--registry")
        builder = await self._builder()
        done = await releases.verify(read, builder, access, await by_public_key(builder, public_key))
        columns = ("service", "reference", "sbom", "provenance", "signature")
        rows = [[item[column] for column in columns] for item in done]
        return table.text(["service", "verified", "SBOM", "provenance", "signature"], rows)

    @function(cache="never")
    @user_errors
    async def release(
        self,
        registry: Registry,
        ref: Ref,
        commit: Commit,
        created: Created,
        log: Annotated[str, Doc("git log --no-merges --format='%H %s' LAST_TAG..TAG, for the notes")] = "",
        username: Username = "",
        password: Password = None,
        registry_service: OnHost = None,
        sign_key: SignKey = None,
        sign_password: SignPassword = None,
        promote_to: Annotated[
            str, Doc("Where to promote the set to, as promote does; default: nowhere")
        ] = "",
        promote_username: Username = "",
        promote_password: Password = None,
        promote_service: OnHost = None,
        source_url: SourceUrl = "",
        workflow: Workflow = "",
        dry_run: DryRun = False,
        database_registry: DatabaseRegistry = None,
        mirrors: Mirrors = None,
        jobs: Jobs = 8,
    ) -> dagger.Directory:
        """Publish a version tag that equals the version file; return release.json, report and notes.md."""
        access = RegistryAccess(registries.parse(registry), username, password, registry_service)
        target = await _target(promote_to, promote_username, promote_password, promote_service, access)
        origin = await self._origin(commit, created, source_url)
        order = await self._order(access, origin, ref, "", workflow, dry_run=dry_run)
        _check_version(order)
        order = replace(await self._signed(order, sign_key, sign_password), target=target)
        text, outcome = await self._publish(order, jobs, database_registry, mirrors)
        written = notes.notes(outcome.release, log, source=origin.source)
        files = outcome.directory().with_new_file("gates.txt", f"{text}\n").with_new_file("notes.md", written)
        return await self._promoted(files, outcome, access, target)

    async def _promoted(
        self,
        files: dagger.Directory,
        outcome: releases.Outcome,
        source: RegistryAccess,
        target: RegistryAccess | None,
    ) -> dagger.Directory:
        """Return the release's files, with those of its promotion in `promoted/` if there is a target."""
        if target is None:
            return files
        if outcome.dry_run:
            # What was not pushed cannot be looked at where it would come from.
            said = f"dry run: nothing was promoted to {target.registry}\n"
            return files.with_new_file("promoted/release.txt", said)
        promoted = await releases.promote(outcome.release, await self._builder(), source, target)
        return files.with_directory("promoted", promoted.directory())


async def _target(
    registry: str,
    username: str,
    password: dagger.Secret | None,
    service: dagger.Service | None,
    source: RegistryAccess,
) -> RegistryAccess | None:
    """Return where a release is promoted to, checked; none if that is not asked for."""
    if not registry:
        if username or password or service:
            raise PipelineError(
                "promote.registry-missing",
                "--promote-to is missing: other options of --promote are given",
                hint="give --promote-to host[:port][/prefix], or none of them",
            )
        return None
    target = RegistryAccess(registries.parse(registry, where="--promote-to"), username, password, service)
    if target.registry == source.registry:
        raise PipelineError(
            "promote.same-registry",
            f"--promote-to {registry}: that is --registry, where the release is published",
            hint="name another registry or another prefix, or leave it out",
        )
    await target.check("--promote-to", stem="--promote")
    return target


def _check_version(order: PublishRequest) -> None:
    if not order.tags.version:
        raise PipelineError(
            "release.no-version-tag",
            f"--ref {order.ref} is no version tag",
            hint="release refs/tags/v1.2.3; publish takes any ref",
        )
    if not order.tags.service:
        version.check(order.tags.version, order.origin.version, where=VERSION_FILE)
