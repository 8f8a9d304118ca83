"""Publish, promote or verify a set of images."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dagger import dag

from ci.build import image
from ci.errors import PipelineError
from ci.release import manifest, requests, summary
from ci.release.candidate import Candidate, candidate
from ci.release.container import program, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dagger

    from ci.release.container import RegistryAccess
    from ci.release.labels import Origin
    from ci.release.manifest import Release
    from ci.release.signing import Signing
    from ci.release.tags import Tags
    from ci.workspace import Workspace

__all__ = ["Candidate", "Outcome", "candidate", "promote", "publish", "reach", "stored_release", "verify"]


@dataclass(frozen=True)
class Outcome:
    """A set in a registry (or, of a dry run, as it would be) and what was done for it, image by image."""

    release: Release
    images: tuple[Mapping[str, Any], ...]
    dry_run: bool = False

    def text(self) -> str:
        """Return the table to print."""
        return summary.text(self.release, self.images, dry_run=self.dry_run)

    def directory(self) -> dagger.Directory:
        """Return release.json and the table as text and Markdown; a dry run has no manifest."""
        markdown = summary.markdown(self.release, self.images, dry_run=self.dry_run)
        files = dag.directory().with_new_file("release.txt", self.text() + "\n")
        files = files.with_new_file("release.md", markdown)
        return files if self.dry_run else files.with_new_file("release.json", manifest.write(self.release))


async def reach(
    workspace: Workspace, accesses: Mapping[str, RegistryAccess], services: Sequence[str]
) -> None:
    """Refuse registries that do not answer or accept the credentials, before any work is done."""
    repositories = [
        repository
        for access in accesses.values()
        for repository in access.registry.repositories(list(services)).values()
    ]
    await run(program(workspace), "reach", {"repositories": repositories}, accesses)


async def publish(  # noqa: PLR0913 - a release is made of these
    candidates: Mapping[str, Sequence[Candidate]],
    workspace: Workspace,
    access: RegistryAccess,
    *,
    origin: Origin,
    tags: Tags,
    ref: str,
    workflow: str = "",
    signing: Signing,
    log: dagger.Directory | None = None,
    replace_commit_tag: bool = False,
    reached: bool = True,
    dry_run: bool = False,
) -> Outcome:
    """Push all images or none, sign them if there is a key, and only then move the tags; safe to run again.

    `candidates` are each service's images, one for each platform. `reached` is whether `reach` has run;
    otherwise the push begins with it. `workflow` is the address of what runs
    this, the workspace's identity in the provenance. `log` is what git_log.sh made of the repository: it
    orders the commits of a branch. A dry run does everything but write.
    """
    images = requests.to_push(candidates, access, origin, tags, replace_commit_tag=replace_commit_tag)
    builder_id = workflow or f"{origin.source or 'urn:unknown-source'}#local"
    request = {"images": images, "origin": asdict(origin), "builder": builder_id, "dry_run": dry_run}
    request |= {"reach": not reached, **signing.request}
    container = signing.program(workspace)
    if log is not None:
        request["history"] = "/history"
        container = container.with_mounted_directory("/history", log)
    for each in itertools.chain.from_iterable(candidates.values()):
        layout = await image.layout(workspace, each.artifact)
        folder = requests.folder(each)
        container = container.with_mounted_directory(f"{folder}/layout", layout)
        container = container.with_mounted_file(f"{folder}/sbom.json", each.sbom)
    request["release"] = {
        "ref": ref,
        "version": tags.version,
        "commit": origin.revision,
        "created": origin.created,
        "registry": str(access.registry),
    }
    return _outcome(await run(container, "push", request, {"registry": access}), dry_run=dry_run)


async def promote(  # noqa: PLR0913 - as publish
    release: Release,
    workspace: Workspace,
    source: RegistryAccess,
    target: RegistryAccess,
    *,
    only: Sequence[str] = (),
    dry_run: bool = False,
) -> Outcome:
    """Copy a released set by digest, with all that is attached; nothing is built.

    `only` are services or digests (or references with one) of the manifest, default: all.
    Each image is verified where it comes from and where it goes.
    """
    chosen = [release.image(reference) for reference in only] or list(release.images)
    if str(source.registry) != release.registry:
        raise PipelineError(
            "promote.wrong-registry",
            f"registry --address {source.registry}: the manifest is of {release.registry}",
            hint=f"promote from {release.registry}, or give the other registry's manifest",
        )
    repositories = target.registry.repositories([image.service for image in chosen])
    images = [
        {**requests.to_promote(image, release), "repository": repositories[image.service]} for image in chosen
    ]
    about = {name: getattr(release, name) for name in ("ref", "version", "commit", "created")}
    about["registry"] = str(target.registry)
    request = {"images": images, "dry_run": dry_run, "release": about}
    accesses = {"registry": target, "registry-from": source}
    return _outcome(await run(program(workspace), "push", request, accesses), dry_run=dry_run)


async def verify(
    release: Release,
    workspace: Workspace,
    access: RegistryAccess,
    signing: Signing,
    require: Sequence[str] = (),
) -> tuple[Mapping[str, Any], ...]:
    """Check that each digest of a manifest is there with the SBOM and provenance that the manifest names.

    `signing` has the public key by which each must be signed, if signatures are to be checked. `require` are
    gates that each must have evidence of.
    """
    images = [
        {**requests.expected(image), "repository": image.reference.partition("@")[0]}
        for image in release.images
    ]
    request = {"images": images, "require": list(require), **signing.request}
    done = await run(signing.program(workspace), "verify", request, {"registry": access})
    return tuple(done["images"])


async def stored_release(workspace: Workspace, access: RegistryAccess, reference: str) -> Release:
    """Read the release that an image was published in: `HOST/PREFIX/SERVICE:TAG`, or with a digest."""
    done = await run(program(workspace), "find", {"reference": reference}, {"registry": access})
    return manifest.read(done["release"], where=f"of {reference}")


def _outcome(done: Mapping[str, Any], *, dry_run: bool) -> Outcome:
    return Outcome(manifest.read(done["release"]), tuple(done["images"]), dry_run)
