"""The requests to push, promote and verify a set of images, for the program that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ci.release import labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.release import manifest
    from ci.release.candidate import Candidate
    from ci.release.container import RegistryAccess
    from ci.release.labels import Origin
    from ci.release.manifest import Release
    from ci.release.tags import Tags

__all__ = ["expected", "folder", "gates", "to_promote", "to_push"]

_SIZES = ("size", "uncompressed")


def to_push(
    candidates: Mapping[str, Sequence[Candidate]],
    access: RegistryAccess,
    origin: Origin,
    tags: Tags,
    *,
    replace_commit_tag: bool,
) -> list[dict[str, Any]]:
    """Describe each service's image, with its tags; `candidates` are those of its platforms."""
    repositories = access.registry.repositories(list(candidates))
    return [
        {
            **_image(name, of_service, origin),
            "repository": repositories[name],
            "fixed": tags.fixed,
            "moving": tags.moving,
            "version": tags.version,
            "created": origin.created,
            "revision": origin.revision,
            "replace_commit_tag": replace_commit_tag,
        }
        for name, of_service in candidates.items()
    ]


def folder(candidate: Candidate) -> str:
    """Return the folder in which the program finds an image."""
    return f"/images/{candidate.artifact.name}"


def gates(each: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the outcomes of an image for several platforms; different ones are all named."""
    names = dict.fromkeys(name for outcomes in each for name in outcomes)
    found = {name: dict.fromkeys(outcomes[name] for outcomes in each if name in outcomes) for name in names}
    return {name: ", ".join(outcomes) for name, outcomes in found.items()}


def _image(name: str, candidates: Sequence[Candidate], origin: Origin) -> dict[str, Any]:
    described = [_described(name, each, origin) for each in candidates]
    if len(described) == 1:
        return described[0]
    of_platforms = [each["facts"] for each in described]
    together: dict[str, Any] = {key: sum(each[key] for each in of_platforms) for key in _SIZES}
    together["gates"] = gates([each["gates"] for each in of_platforms])
    platforms = [
        {**item, "platform": each.platform} for item, each in zip(described, candidates, strict=True)
    ]
    return {"service": name, "platforms": platforms, "facts": together}


def _described(name: str, candidate: Candidate, origin: Origin) -> dict[str, Any]:
    """Describe an image that passed, for the program that makes the released image."""
    base_digest = candidate.materials.get(candidate.base, "")
    layers = candidate.artifact.facts["layers"]
    return {
        "service": name,
        "layout": f"{folder(candidate)}/layout",
        "labels": labels.for_image(name, origin, base=candidate.base, base_digest=base_digest),
        "layers": [{"digest": layer["digest"], "size": layer["size"]} for layer in layers],
        "sbom_file": f"{folder(candidate)}/sbom.json",
        "evidence": list(candidate.evidence),
        "facts": {
            "size": candidate.artifact.facts["size"],
            "uncompressed": candidate.uncompressed,
            "gates": dict(candidate.gates),
        },
        "build": {
            "parameters": candidate.parameters
            | ({"platform": candidate.platform} if candidate.platform else {}),
            "materials": dict(candidate.materials),
            "versions": dict(candidate.artifact.versions),
        },
    }


def expected(image: manifest.Released) -> dict[str, Any]:
    """Return what a released image must be: its digests, and those of its platforms."""
    found: dict[str, Any] = {key: getattr(image, key) for key in ("service", "digest", "sbom", "provenance")}
    keys = ("platform", "digest", "sbom", "provenance")
    if image.platforms:
        found["platforms"] = [
            {**{key: getattr(each, key) for key in keys}, "facts": _facts(each)} for each in image.platforms
        ]
    return found


def _facts(image: manifest.Released | manifest.Platform) -> dict[str, Any]:
    return {"size": image.size, "uncompressed": image.uncompressed, "gates": dict(image.gates)}


def to_promote(image: manifest.Released, release: Release) -> dict[str, Any]:
    """Describe an image, for the program that copies it."""
    return {
        **expected(image),
        "from": image.reference.partition("@")[0],
        "facts": _facts(image),
        "fixed": [tag for tag in image.tags if _is_fixed(tag, release)],
        "moving": [tag for tag in image.tags if not _is_fixed(tag, release)],
        "version": release.version,
        "created": release.created,
        "revision": release.commit,
    }


def _is_fixed(tag: str, release: Release) -> bool:
    digits = tag.removeprefix("sha-")
    return tag == release.version or (tag != digits and release.commit.startswith(digits))
