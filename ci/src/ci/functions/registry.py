"""`dagger call registry …`: publish images, release versions, promote and verify them."""

from __future__ import annotations

from typing import Annotated

import dagger
from dagger import Doc

from ci._dagger import function, object_type
from ci.functions.options import (
    Commit,
    Created,
    DefaultBranch,
    DryRun,
    GitHistory,
    Password,
    Ref,
    RegistryAddress,
    RegistryService,
    ReleaseFile,
    ReplaceCommitTag,
    SourceUrl,
    Username,
    Version,
    Workflow,
)
from ci.pipeline import promote, publish
from ci.pipeline.inputs import Destination, Inputs, RegistryOptions, Revision

__all__ = ["Registry"]


@object_type
class Registry:
    """A registry to publish to, with its credentials and signing key."""

    inputs: Inputs
    given: RegistryOptions
    target: RegistryOptions | None = None

    @function()
    async def with_target(
        self,
        address: RegistryAddress,
        username: Username = "",
        password: Password = None,
        service: RegistryService = None,
    ) -> Registry:
        """Select a second registry, to which `promote` and `release` copy the images."""
        target = RegistryOptions(address, username, password, service)
        return Registry(inputs=self.inputs, given=self.given, target=target)

    @function(cache="never")
    async def publish(
        self,
        ref: Ref,
        commit: Commit,
        created: Created,
        source_url: SourceUrl = "",
        workflow: Workflow = "",
        default_branch: DefaultBranch = "main",
        history: GitHistory = None,
        replace_commit_tag: ReplaceCommitTag = False,
        dry_run: DryRun = False,
    ) -> str:
        """Build, pass every gate, push all images or none, then move their tags; safe to run again."""
        revision = Revision(ref, commit, created, source_url, workflow, history, replace_commit_tag)
        to = await self._destination()
        return await publish.publish(self.inputs, to, revision, default_branch, dry_run=dry_run)

    @function(cache="never")
    async def release(
        self,
        ref: Ref,
        commit: Commit,
        created: Created,
        source_url: SourceUrl = "",
        workflow: Workflow = "",
        history: GitHistory = None,
        replace_commit_tag: ReplaceCommitTag = False,
        dry_run: DryRun = False,
    ) -> dagger.Directory:
        """Publish a git tag's version, which must be the declared one; return release.json and notes.md."""
        revision = Revision(ref, commit, created, source_url, workflow, history, replace_commit_tag)
        return await publish.release(self.inputs, await self._destination(), revision, dry_run=dry_run)

    @function(cache="never")
    async def promote(
        self,
        version: Version = "",
        release: ReleaseFile = None,
        only: Annotated[list[str] | None, Doc("Services of the release to promote; default: all")] = None,
        dry_run: DryRun = False,
    ) -> str:
        """Copy a release to the target by digest, with SBOM, provenance and signatures."""
        to, of = await self._destination(), promote.Wanted(release, version)
        return await promote.promote(self.inputs, to.access, to.target, of, only or [], dry_run=dry_run)

    @function(cache="never")
    async def verify(
        self,
        version: Version = "",
        release: ReleaseFile = None,
        public_key: Annotated[
            dagger.File | None,
            Doc("cosign.pub: each digest must be signed by this key; default: signatures are not checked"),
        ] = None,
        require: Annotated[
            list[str] | None,
            Doc(
                "Gates that each image must have evidence of: unit, posture, scan, integration; default: none"
            ),
        ] = None,
    ) -> str:
        """Check each image of a release by digest: SBOM, provenance, evidence of gates, signature."""
        to, of = await self._destination(), promote.Wanted(release, version)
        return await promote.verify(self.inputs, to.access, of, public_key, require or [])

    @function(cache="never")
    async def manifest(self, version: Version) -> str:
        """Print the release.json of a version: what was published, by digest, and which gates it passed."""
        to = await self._destination()
        return await promote.show(self.inputs, to.access, promote.Wanted(version=version))

    async def _destination(self) -> Destination:
        return await publish.destination(self.inputs, self.given, self.target)
