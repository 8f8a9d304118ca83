"""Small images as packed OCI layouts, without building one."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OCI = "application/vnd.oci.image"


def pack(path: Path, *layers: Mapping[str, bytes], settings: Mapping[str, Any] | None = None) -> None:
    """Write an image with a layer for each mapping of path to content."""
    files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}

    def blob(media_type: str, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        files[f"blobs/sha256/{digest}"] = content
        return {"mediaType": f"{OCI}.{media_type}", "digest": f"sha256:{digest}", "size": len(content)}

    packed = [archive(layer) for layer in layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": settings or {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(p).hexdigest()}" for p in packed]},
        "history": [{"created_by": f"COPY layer-{number}"} for number in range(len(layers))],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": blob("config.v1+json", json.dumps(config).encode()),
        "layers": [blob("layer.v1.tar+gzip", gzip.compress(each, mtime=0)) for each in packed],
    }
    index = {"schemaVersion": 2, "manifests": [blob("manifest.v1+json", json.dumps(manifest).encode())]}
    path.write_bytes(archive({"index.json": json.dumps(index).encode(), **files}))


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return a tar of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def jar(files: Mapping[str, str]) -> bytes:
    """Return a Java archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def metadata(name: str, version: str, license_name: str = "MIT") -> bytes:
    """Return what an installed Python package says of itself."""
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: {license_name}\n\n"
    return text.encode()
