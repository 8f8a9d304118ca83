"""release.json: what was pushed, by digest, in an order that does not depend on the run.

`checksum` is over everything else in the file. It finds a hand that edited one
digest; it is no signature, whoever means harm can make a new one. What
`promote` pushes is checked against the registry and the provenance besides.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.spelling import written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Platform", "Release", "Released", "read", "write"]

_SCHEMA = 1
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_REPAIR = "use the file exactly as `release` wrote it"


@dataclass(frozen=True)
class Platform:
    """What an index lists for one platform, such as linux/arm64: the fields are as those of an image."""

    platform: str
    digest: str
    size: int
    uncompressed: int
    sbom: str
    provenance: str
    gates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Released:
    """One image: sizes in bytes, `size` as the registry stores it; `gates` = gate to outcome.

    An image for several platforms is an index: SBOM and provenance are then empty, because they are those
    of each platform.
    """

    service: str
    reference: str
    digest: str
    tags: tuple[str, ...]
    size: int
    uncompressed: int
    sbom: str
    provenance: str
    gates: Mapping[str, str] = field(default_factory=dict)
    platforms: tuple[Platform, ...] = ()


@dataclass(frozen=True)
class Release:
    """A complete set: one commit, one registry, its images in the order of their services."""

    ref: str
    version: str
    commit: str
    created: str
    registry: str
    images: tuple[Released, ...]

    def image(self, reference: str) -> Released:
        """Return the image of a service, of a digest, or of a reference with one; refuse any other."""
        digest = reference.rpartition("@")[2]
        for image in self.images:
            if reference == image.service or digest == image.digest:
                return image
        known = ", ".join(f"{image.service}={image.digest}" for image in self.images)
        raise PipelineError(
            "release-manifest.unknown-image",
            f"'{reference}' is not in the release manifest",
            details=f"it has: {known}",
            hint="name a service of the release, or the digest of one of its images",
        )


def write(release: Release) -> str:
    """Return release.json; the same release gives the same text."""
    body = _body(release)
    return json.dumps({**body, "checksum": _checksum(body)}, indent=2) + "\n"


def read(text: str, *, where: str = "--manifest") -> Release:
    """Read release.json; a changed, incomplete or foreign file is an error that says what is wrong."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _refuse("release-manifest.not-json", where, f"is not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("schema") != _SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise _refuse(
            "release-manifest.wrong-schema",
            where,
            f"is not a release manifest of schema {_SCHEMA} (found: {found})",
        )
    checksum = data.pop("checksum", None)
    if checksum != _checksum(data):
        raise _refuse(
            "release-manifest.changed",
            where,
            f"was changed after it was written: its checksum says {checksum}",
        )
    try:
        release = _release(data)
    except (KeyError, TypeError, ValueError) as error:
        raise _refuse(
            "release-manifest.wrong-fields", where, f"lacks or has what it should not: {error}"
        ) from error
    _check(release, where)
    return release


def _body(release: Release) -> dict[str, Any]:
    ordered = sorted(release.images, key=lambda image: image.service)
    images = [_written(asdict(image)) for image in ordered]
    body = {"schema": _SCHEMA, **asdict(release), "images": images}
    # As it will be read: tuples are lists in JSON.
    normalised: dict[str, Any] = json.loads(json.dumps(body))
    return normalised


def _written(image: dict[str, Any]) -> dict[str, Any]:
    """Sort the gates; an image for one platform has no list of them."""
    platforms = [{**each, "gates": dict(sorted(each["gates"].items()))} for each in image.pop("platforms")]
    written = {**image, "gates": dict(sorted(image["gates"].items()))}
    return {**written, "platforms": platforms} if platforms else written


def _release(data: dict[str, Any]) -> Release:
    images = []
    for item in data["images"]:
        service = item.get("service")
        _check_names({"platforms": (), **item}, Released, f"image {service}")
        for each in item.get("platforms", ()):
            _check_names(each, Platform, f"image {service}, {each.get('platform')}")
        platforms = tuple(Platform(**each) for each in item.get("platforms", ()))
        images.append(Released(**{**item, "tags": tuple(item["tags"]), "platforms": platforms}))
    rest = {key: value for key, value in data.items() if key not in {"schema", "images"}}
    return Release(images=tuple(images), **rest)


def _check_names(item: Mapping[str, Any], of: type, where: str) -> None:
    names = {each.name for each in fields(of)}
    if set(item) != names:
        msg = f"{where}: {sorted(set(item) ^ names)}"
        raise ValueError(msg)


def _digests(image: Released) -> Iterator[tuple[str, object]]:
    """Yield every digest of an image, with its name in an error."""
    yield f"digest of '{image.service}'", image.digest
    for name in ("sbom", "provenance"):
        if not image.platforms:
            yield f"{name} of '{image.service}'", getattr(image, name)
    for each in image.platforms:
        for name in ("digest", "sbom", "provenance"):
            yield f"{name} of '{image.service}' for {each.platform}", getattr(each, name)


def _check(release: Release, where: str) -> None:
    if not release.images:
        raise _refuse("release-manifest.no-images", where, "has no images")
    for image in release.images:
        for name, value in _digests(image):
            if not isinstance(value, str) or not _DIGEST.fullmatch(value):
                raise _refuse("release-manifest.digest-invalid", where, f"has {written(value)} as {name}")
        if not image.reference.startswith(f"{release.registry}/") or image.digest not in image.reference:
            raise _refuse(
                "release-manifest.reference-invalid",
                where,
                f"has {written(image.reference)} as reference of '{image.service}'",
            )


def _checksum(body: Mapping[str, Any]) -> str:
    content = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _refuse(code: str, where: str, what: str) -> PipelineError:
    return PipelineError(code, f"release manifest {where}: it {what}", hint=_REPAIR)
