"""Store finished images in the repository of a layer cache, and fetch them by digest.

An image comes and goes as an OCI layout in a tar. What cannot be fetched or stored is no error: it is
reported, and the image is built.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.container_scripts.layout import blob_path
from ci.container_scripts.registry.pool import each
from ci.errors import PipelineError
from ci.registry import uploads
from ci.registry.digests import INDEX, digest_of, media_type

if TYPE_CHECKING:
    from ci.registry.client import Client
    from ci.registry.uploads import Content

__all__ = ["fetch", "run", "store"]

# A tag keeps the image from being deleted as one without a tag.
TAG = "image-{}"
_INDEX, _LAYOUT = "index.json", "oci-layout"

# How reading what is no manifest of an image ends.
_DAMAGED = (ValueError, LookupError, TypeError, AttributeError)

Json = dict[str, Any]


def run(client: Client, request: Json, *, limit: int) -> Json:
    """Fetch what is asked for by digest, or store what is given as files."""
    if "digests" in request:
        return fetch(client, request, limit=limit)
    return store(client, request, limit=limit)


def store(client: Client, request: Json, *, limit: int) -> Json:
    """Store each image under a tag made of its digest; what is there is not sent again."""
    repository = request["repository"]
    try:
        images = [_read(Path(file)) for file in request["files"]]
        missing = each(images, lambda image: _missing(client, repository, image), limit=limit)
        blobs: dict[str, Content] = {}
        for image, lacking in zip(images, missing, strict=True):
            blobs |= {digest: image[1][digest] for digest in lacking}
        each(blobs.items(), lambda blob: client.put_blob(repository, *blob), limit=limit)
        each(images, lambda image: _put(client, repository, image[0]), limit=limit)
    except PipelineError as error:
        return {"problems": [f"not stored: {error.what}"]}
    return {"problems": []}


def fetch(client: Client, request: Json, *, limit: int) -> Json:
    """Write NAME.tar into a folder for each image that is there; its digests are verified."""
    repository, folder = request["repository"], Path(request["folder"])
    problems: list[str] = []
    manifests: dict[str, bytes] = {}
    blobs: dict[str, None] = {}  # those that images share are fetched once
    try:
        for name, digest in request["digests"].items():
            manifest = client.manifest(f"{repository}@{digest}")
            if manifest is not None:
                manifests[name] = manifest
                blobs |= dict.fromkeys(_blobs(manifest))
        with tempfile.TemporaryDirectory(dir=folder) as place:
            each(blobs, lambda blob: client.download(repository, blob, Path(place, blob)), limit=limit)
            each(
                manifests,
                lambda name: _pack(folder / f"{name}.tar", manifests[name], Path(place)),
                limit=limit,
            )
    except (PipelineError, *_DAMAGED) as error:
        what = error.what if isinstance(error, PipelineError) else f"damaged ({type(error).__name__})"
        problems.append(f"no image can be fetched: {what}")
        manifests.clear()
    return {"names": sorted(manifests), "problems": problems}


def _read(file: Path) -> tuple[bytes, dict[str, Content]]:
    """Return the manifest of the only image in a layout, and all its blobs by digest."""
    with tarfile.open(file) as archive:
        members = {member.name: member for member in archive}

        def content(name: str) -> Content:
            return uploads.of_part(file, members[name].offset_data, members[name].size)

        (entry,) = json.loads(b"".join(content(_INDEX).read(0)))["manifests"]
        manifest = b"".join(content(blob_path(entry["digest"])).read(0))
        return manifest, {digest: content(blob_path(digest)) for digest in _blobs(manifest)}


def _blobs(manifest: bytes) -> list[str]:
    data = json.loads(manifest)
    return [item["digest"] for item in (data["config"], *data["layers"])]


def _tagged(repository: str, manifest: bytes) -> str:
    return f"{repository}:{TAG.format(digest_of(manifest).partition(':')[2])}"


def _missing(client: Client, repository: str, image: tuple[bytes, dict[str, Content]]) -> list[str]:
    manifest, blobs = image
    if client.manifest(_tagged(repository, manifest)) == manifest:
        return []
    return [digest for digest in blobs if not client.has_blob(repository, digest)]


def _put(client: Client, repository: str, manifest: bytes) -> None:
    tagged = _tagged(repository, manifest)
    if client.manifest(tagged) != manifest:
        client.put_manifest(tagged, manifest, what=f"store {tagged}")


def _pack(file: Path, manifest: bytes, blobs: Path) -> None:
    """Write an OCI layout as Bake does, so that all who read one can read it."""
    described = {"mediaType": media_type(manifest), "digest": digest_of(manifest), "size": len(manifest)}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [described]}
    with tarfile.open(file, "w") as archive:
        for name, text in {_LAYOUT: {"imageLayoutVersion": "1.0.0"}, _INDEX: index}.items():
            _add(archive, name, json.dumps(text).encode())
        _add(archive, blob_path(digest_of(manifest)), manifest)
        for digest in dict.fromkeys(_blobs(manifest)):
            member = tarfile.TarInfo(blob_path(digest))
            member.size = (blobs / digest).stat().st_size
            with (blobs / digest).open("rb") as content:
                archive.addfile(member, content)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
