"""Publish, promote or verify a set of images."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dagger import dag

from ci.build import image
from ci.errors import PipelineError
from ci.release import labels, manifest, summary
from ci.release.container import program, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dagger

    from ci.build.image import BuiltImage
    from ci.release.container import RegistryAccess
    from ci.release.labels import Origin
    from ci.release.manifest import Release
    from ci.release.signing import Signing
    from ci.release.tags import Tags
    from ci.workspace import Workspace

__all__ = ["Candidate", "Outcome", "candidate", "promote", "publish", "reach", "stored_release", "verify"]


@dataclass(frozen=True)
class Candidate:
    """An image that may be released: what passed, and what is known of it.

    `gates` maps gates to outcomes; `base` is the reference that its last stage is based on,
    `materials` every image that its build used, reference to digest.
    """

    artifact: BuiltImage
    sbom: dagger.File
    gates: Mapping[str, str]
    evidence: Sequence[Mapping[str, Any]] = ()  # statements without a subject
    base: str = ""
    materials: Mapping[str, str] = field(default_factory=dict)
    uncompressed: int = 0

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the build, for the provenance."""
        return dict(self.artifact.parameters)


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


async def candidate(
    workspace: Workspace,
    artifact: BuiltImage,
    sbom: dagger.File,
    gates: Mapping[str, str],
    evidence: Sequence[Mapping[str, Any]] = (),
) -> Candidate:
    """Return a candidate with the materials that BuildKit recorded, by digest."""
    materials = {str(material): material.digest for material in artifact.provenance.materials}
    base = str(artifact.base) if artifact.base else ""
    uncompressed = await image.uncompressed(workspace, artifact)
    materials |= artifact.provenance.others
    return Candidate(artifact, sbom, gates, tuple(evidence), base, materials, uncompressed)


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
    candidates: Mapping[str, Candidate],
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
    dry_run: bool = False,
) -> Outcome:
    """Push all images or none, sign them if there is a key, and only then move the tags; safe to run again.

    `workflow` is the address of what runs this, the workspace's identity in the provenance. `log` is what
    git_log.sh made of the repository: it orders the commits of a branch. A dry run does everything but
    write.
    """
    images = _to_push(candidates, access, origin, tags, replace_commit_tag=replace_commit_tag)
    builder_id = workflow or f"{origin.source or 'urn:unknown-source'}#local"
    request = {"images": images, "origin": asdict(origin), "builder": builder_id, "dry_run": dry_run}
    request |= signing.request
    container = signing.program(workspace)
    if log is not None:
        request["history"] = "/history"
        container = container.with_mounted_directory("/history", log)
    for name, candidate in candidates.items():
        layout = await image.layout(workspace, candidate.artifact)
        container = container.with_mounted_directory(f"/images/{name}/layout", layout)
        container = container.with_mounted_file(f"/images/{name}/sbom.json", candidate.sbom)
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

    `only` are digests (or references with one) of the manifest, default: all.
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
    images = [{**_to_promote(image, release), "repository": repositories[image.service]} for image in chosen]
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
        {**_expected(image), "repository": image.reference.partition("@")[0]} for image in release.images
    ]
    request = {"images": images, "require": list(require), **signing.request}
    done = await run(signing.program(workspace), "verify", request, {"registry": access})
    return tuple(done["images"])


async def stored_release(workspace: Workspace, access: RegistryAccess, reference: str) -> Release:
    """Read the release that an image was published in: `HOST/PREFIX/SERVICE:TAG`, or with a digest."""
    done = await run(program(workspace), "find", {"reference": reference}, {"registry": access})
    return manifest.read(done["release"], where=f"of {reference}")


def _to_push(
    candidates: Mapping[str, Candidate],
    access: RegistryAccess,
    origin: Origin,
    tags: Tags,
    *,
    replace_commit_tag: bool,
) -> list[dict[str, Any]]:
    repositories = access.registry.repositories(list(candidates))
    return [
        {
            **_described(name, candidate, origin),
            "repository": repositories[name],
            "fixed": tags.fixed,
            "moving": tags.moving,
            "version": tags.version,
            "created": origin.created,
            "revision": origin.revision,
            "replace_commit_tag": replace_commit_tag,
        }
        for name, candidate in candidates.items()
    ]


def _described(name: str, candidate: Candidate, origin: Origin) -> dict[str, Any]:
    """Describe an image that passed, for the program that makes the released image."""
    base_digest = candidate.materials.get(candidate.base, "")
    layers = candidate.artifact.facts["layers"]
    return {
        "service": name,
        "layout": f"/images/{name}/layout",
        "labels": labels.for_image(name, origin, base=candidate.base, base_digest=base_digest),
        "layers": [{"digest": layer["digest"], "size": layer["size"]} for layer in layers],
        "sbom_file": f"/images/{name}/sbom.json",
        "evidence": list(candidate.evidence),
        "facts": {
            "size": candidate.artifact.facts["size"],
            "uncompressed": candidate.uncompressed,
            "gates": dict(candidate.gates),
        },
        "build": {
            "parameters": candidate.parameters,
            "materials": dict(candidate.materials),
            "versions": dict(candidate.artifact.versions),
        },
    }


def _expected(image: manifest.Released) -> dict[str, str]:
    return {key: getattr(image, key) for key in ("service", "digest", "sbom", "provenance")}


def _to_promote(image: manifest.Released, release: Release) -> dict[str, Any]:
    """Describe an image, for the program that copies it."""
    return {
        **_expected(image),
        "from": image.reference.partition("@")[0],
        "facts": {"size": image.size, "uncompressed": image.uncompressed, "gates": dict(image.gates)},
        "fixed": [tag for tag in image.tags if _is_fixed(tag, release)],
        "moving": [tag for tag in image.tags if not _is_fixed(tag, release)],
        "version": release.version,
        "created": release.created,
        "revision": release.commit,
    }


def _outcome(done: Mapping[str, Any], *, dry_run: bool) -> Outcome:
    return Outcome(manifest.read(done["release"]), tuple(done["images"]), dry_run)


def _is_fixed(tag: str, release: Release) -> bool:
    digits = tag.removeprefix("sha-")
    return tag == release.version or (tag != digits and release.commit.startswith(digits))
