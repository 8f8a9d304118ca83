"""The OCI index of an image for several platforms: what its tags point to.

It lists the manifest of each platform by digest. The same manifests give the same bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ci.registry.digests import INDEX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["common", "descriptor", "digests", "make", "platform_of"]

Json = dict[str, Any]


def platform_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the platform of an image's config, as an index has it."""
    keys = ("architecture", "os", "os.version", "variant")
    return {key: str(config[key]) for key in keys if config.get(key)}


def descriptor(manifest: bytes, digest: str, media_type: str, config: Mapping[str, Any]) -> Json:
    """Describe one platform's manifest."""
    return {
        "mediaType": media_type,
        "digest": digest,
        "size": len(manifest),
        "platform": platform_of(config),
    }


def common(labels: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what the labels of all platforms have in common; commit and time are, a base may not be."""
    first, *others = labels
    return {key: value for key, value in first.items() if all(each.get(key) == value for each in others)}


def make(descriptors: Sequence[Json], annotated: Mapping[str, str]) -> bytes:
    """Return an index; its annotations order it among others of its branch, as an image's do."""
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": list(descriptors),
        "annotations": dict(sorted(annotated.items())),
    }
    return json.dumps(index, separators=(",", ":"), ensure_ascii=False).encode()


def digests(content: bytes) -> set[str]:
    """Return the digests that an index lists; empty for any other manifest."""
    data: Json = json.loads(content)
    return {str(item["digest"]) for item in data.get("manifests") or ()}
