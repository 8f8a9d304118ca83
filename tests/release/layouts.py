"""Small OCI layouts, as the artifact step writes them, without building an image."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG: dict[str, Any] = {"architecture": "amd64", "os": "linux", "config": {"User": "10001"}}


def make(folder: Path, layers: Sequence[bytes], *, config: dict[str, Any] | None = None) -> str:
    """Write a layout whose layers have the given content; return the manifest's digest.

    Registries do not unpack layers, so any bytes will do.
    """
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def add(content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    described = [{"mediaType": LAYER, **add(layer)} for layer in layers]
    rootfs = {"type": "layers", "diff_ids": [layer["digest"] for layer in described]}
    content = {**(config or CONFIG), "rootfs": rootfs}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            **add(json.dumps(content).encode()),
        },
        "layers": described,
    }
    entry = {"mediaType": manifest["mediaType"], **add(json.dumps(manifest).encode())}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return str(entry["digest"])
