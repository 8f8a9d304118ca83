"""Digests, and the media types of the OCI image specification."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["EMPTY", "INDEX", "MANIFEST", "READABLE", "digest_of", "media_type"]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
# What a manifest may be: a registry converts, or answers 404, when a type is not accepted.
READABLE = (
    MANIFEST,
    INDEX,
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
# The content of an artifact's config, by the image specification.
EMPTY = b"{}"


def digest_of(content: bytes) -> str:
    """Compute the digest of some bytes as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def media_type(manifest: bytes) -> str:
    """Return a manifest's media type; OCI allows a manifest without one."""
    data: dict[str, Any] = json.loads(manifest)
    return str(data.get("mediaType") or (INDEX if "manifests" in data else MANIFEST))
