"""Turn a built image into the artefact: the same source gives the same digest.

A build writes the time of the day into layers and config. This rewrites the
OCI layout so that every time is one constant, in the config and in all layers
above the base image, and so that no layer is empty: of a step that changed no
file an engine makes one now and then. Base layers, and every other field of the
config, stay byte for byte what they were.

    python3 -m ci.inside.artefact config IMAGE.tar OUTPUT.json
    python3 -m ci.inside.artefact make IMAGE.tar BASE.tar STEPS.json OUTPUT MADE

The first writes the image's config; the second OUTPUT/layout, image.tar and facts.json, with the layers of
the base image (BASE.tar is - where there is none) and the layers in MADE that were made before. STEPS has
lists of the Dockerfile's instructions: the first with as many as there are layers says what made them.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import sys
import tarfile
import time
import zlib
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO, Any

from ci.inside.made_layers import MadeLayers

# 1980-01-01: the earliest time that a zip file, and so Python's zipfile, can hold.
EPOCH = 315532800
EPOCH_TEXT = "1980-01-01T00:00:00Z"
# Level 6 makes the gateway's own layers 4 % smaller, and takes 1.7 times as long.
GZIP_LEVEL = 4
TIME_HEADERS = ("mtime", "atime", "ctime", "LIBARCHIVE.creationtime")
CHUNK = 1 << 20
# What decides, beside a layer, what is made of it.
HOW = f"{EPOCH} {GZIP_LEVEL} {zlib.ZLIB_RUNTIME_VERSION} 2"

# What an engine (engine/snapshots/manager.go) says of a layer that it had before it was started again.
RESTORED = "rehydrated persisted snapshot"

Json = dict[str, Any]
Made = tuple[Json, Json, list[Json]]


class Hashed:
    """A file being written whose SHA-256 and size are known at the end."""

    def __init__(self, target: IO[bytes] | gzip.GzipFile) -> None:
        self._target = target
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Write and count; returns the number of bytes."""
        self._hash.update(data)
        self.size += len(data)
        return self._target.write(data)

    def flush(self) -> None:
        """Flush what is below."""
        self._target.flush()

    @property
    def digest(self) -> str:
        """The digest of all that was written, as registries write it."""
        return f"sha256:{self._hash.hexdigest()}"


def blob_path(digest: str) -> str:
    """Where a blob lies in an OCI layout."""
    return "blobs/" + digest.replace(":", "/", 1)


def read_json(image: tarfile.TarFile, name: str) -> Json:
    """Read one JSON file of the image's tar."""
    member = image.extractfile(name)
    if member is None:
        msg = f"{name} is not a file of the image"
        raise ValueError(msg)
    data: Json = json.load(member)
    return data


def read_image(image: tarfile.TarFile) -> tuple[Json, Json]:
    """Return the manifest and the config of the one image in the tar."""
    (entry,) = read_json(image, "index.json")["manifests"]
    manifest = read_json(image, blob_path(entry["digest"]))
    return manifest, read_json(image, blob_path(manifest["config"]["digest"]))


def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Set the member's times to the constant; owner, mode and xattrs stay."""
    member.mtime = EPOCH
    member.uname = member.gname = ""
    member.pax_headers = {key: value for key, value in member.pax_headers.items() if key not in TIME_HEADERS}
    return member


def rewrite(source: IO[bytes], target: IO[bytes]) -> int:
    """Copy a layer's tar, in its order, with the constant as every time; return how many entries it has.

    The order stays, so a hard link's target stays ahead of the link.
    """
    with (
        tarfile.open(fileobj=source, mode="r|*") as old,
        tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as new,
    ):
        entries = 0
        for entries, member in enumerate(old, 1):  # noqa: B007 - it is the last one's number that counts
            new.addfile(plain(member), old.extractfile(member) if member.isreg() else None)
    return entries


def make_layer(source: IO[bytes], blobs: Path) -> Json:
    """Write the rewritten layer; return its facts."""
    temporary = blobs / "layer"
    with temporary.open("wb") as file:
        packed = Hashed(file)
        with gzip.GzipFile("", "wb", GZIP_LEVEL, packed, mtime=0) as zipped:
            unpacked = Hashed(zipped)
            entries = rewrite(source, unpacked)  # type: ignore[arg-type]
    temporary.rename(blobs / packed.digest.removeprefix("sha256:"))
    return {
        "digest": packed.digest,
        "diff_id": unpacked.digest,
        "size": packed.size,
        "uncompressed": unpacked.size,
        "entries": entries,
    }


def uncompressed_size(blob: Path) -> int:
    """Return how large a layer is without its compression, if it has one."""
    unzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    size = 0
    with blob.open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return blob.stat().st_size
        file.seek(0)
        while chunk := file.read(CHUNK):
            size += len(unzip.decompress(chunk))
    return size


def write_blob(blobs: Path, data: Json) -> tuple[str, int]:
    """Write JSON as a blob; return its digest and size."""
    content = json.dumps(data, separators=(",", ":")).encode()
    digest = hashlib.sha256(content).hexdigest()
    (blobs / digest).write_bytes(content)
    return f"sha256:{digest}", len(content)


def stands_on(config: Json, base: list[str]) -> bool:
    """Say whether an image's first layers are those of the base, given by their diff ids.

    An engine that was started again knows a layer that it had pulled before by
    its files only, and packs them itself: into another blob, with another diff id.
    """
    diff_ids: list[str] = config["rootfs"]["diff_ids"]
    told = [entry.get("created_by") for entry in config.get("history", []) if not entry.get("empty_layer")]
    made_by = told if len(told) == len(diff_ids) else [""] * len(diff_ids)
    pairs = zip(base, diff_ids, made_by, strict=False)
    return len(base) <= len(diff_ids) and all(a == b or text == RESTORED for a, b, text in pairs)


def make_layers(image: tarfile.TarFile, base: tarfile.TarFile | None, blobs: Path, made: MadeLayers) -> Made:
    """Write all layers; return manifest and config that name them, and their facts."""
    manifest, config = read_image(image)
    kept: list[tuple[Json, str]] = []  # descriptor and diff id of each layer of the base
    if base:
        below, below_config = read_image(base)
        if stands_on(config, below_config["rootfs"]["diff_ids"]):
            kept = list(zip(below["layers"], below_config["rootfs"]["diff_ids"], strict=True))
    facts: list[Json] = []
    for number, layer in enumerate(manifest["layers"]):
        if base and number < len(kept):
            descriptor, diff_id = kept[number]
            layer.update(descriptor)
            found = keep_layer(blob_of(base, layer["digest"]), blobs, layer, made)
            facts.append({**found, "diff_id": diff_id, "base": True})
        else:
            source = blob_of(image, layer["digest"])
            own = made.layer(f"{layer['digest']} {HOW}", blobs, partial(make_layer, source, blobs))
            layer.update(digest=own["digest"], size=own["size"])
            layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip"
            facts.append({**own, "base": False})
        layer.pop("annotations", None)
    pairs = list(zip(manifest["layers"], facts, strict=True))
    filled = [pair for pair in pairs if pair[1].get("entries") != 0]
    manifest["layers"] = [layer for layer, _ in filled]
    config["rootfs"]["diff_ids"] = [fact["diff_id"] for _, fact in filled]
    return manifest, config, [fact for _, fact in filled]


def blob_of(image: tarfile.TarFile, digest: str) -> IO[bytes]:
    """Return one blob of the image to read."""
    found = image.extractfile(blob_path(digest))
    if found is None:
        msg = f"layer {digest} is not in the image"
        raise ValueError(msg)
    return found


def keep_layer(source: IO[bytes], blobs: Path, layer: Json, made: MadeLayers) -> Json:
    """Copy a base layer as it is; return its facts."""
    digest: str = layer["digest"]
    blob = blobs / digest.removeprefix("sha256:")
    with blob.open("wb") as file:
        shutil.copyfileobj(source, file, CHUNK)
    size = made.size(digest, partial(uncompressed_size, blob))
    return {"digest": digest, "size": layer["size"], "uncompressed": size}


def describe(config: Json, facts: list[Json], steps: list[list[str]]) -> None:
    """Set time and history: the engine's say when it built, pulled or was started, not what made a layer."""
    own = [fact for fact in facts if not fact["base"]]
    told = next((texts for texts in steps if len(texts) == len(own)), [""] * len(own))
    made_by = [f"base image layer {fact['digest']}" for fact in facts if fact["base"]] + told
    config["created"] = EPOCH_TEXT
    config["history"] = [{"created": EPOCH_TEXT, "created_by": text} for text in made_by]


def make(image_tar: Path, base_tar: Path | None, steps: list[list[str]], output: Path, made: Path) -> Json:
    """Write OUTPUT/layout; return the facts about the image. Layers made before are in ``made``."""
    layout = output / "layout"
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    with ExitStack() as opened:
        image = opened.enter_context(tarfile.open(image_tar))
        base = opened.enter_context(tarfile.open(base_tar)) if base_tar else None
        below = read_image(base)[1] if base else {}
        manifest, config, layers = make_layers(image, base, blobs, MadeLayers(made))
    describe(config, layers, steps)
    manifest["config"]["digest"], manifest["config"]["size"] = write_blob(blobs, config)
    manifest.pop("annotations", None)
    digest, size = write_blob(blobs, manifest)
    entry = {"mediaType": manifest["mediaType"], "digest": digest, "size": size}
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    }
    (layout / "index.json").write_text(json.dumps(index))
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return {
        "digest": digest,
        "config_digest": manifest["config"]["digest"],
        "size": sum(layer["size"] for layer in layers),
        "uncompressed": sum(layer["uncompressed"] for layer in layers),
        "layers": layers,
        "config": config,
        "base_repacked": any(entry.get("created_by") == RESTORED for entry in below.get("history", [])),
    }


def pack(layout: Path, target: Path) -> None:
    """Write the layout as a tar that is the same for the same layout."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(layout.rglob("*")):
            member = plain(tar.gettarinfo(path, str(path.relative_to(layout))))
            member.uid = member.gid = 0
            tar.addfile(member, io.BytesIO(path.read_bytes()) if path.is_file() else None)


def main(arguments: list[str]) -> None:
    """Run one of the two commands."""
    match arguments:
        case ["config", image_tar, output]:
            with tarfile.open(image_tar) as image:
                Path(output).write_text(json.dumps(read_image(image)[1]))
        case ["make", image_tar, base_tar, steps, output, made]:
            started = time.time()
            texts = json.loads(Path(steps).read_text())
            base = None if base_tar == "-" else Path(base_tar)
            facts = make(Path(image_tar), base, texts, Path(output), Path(made))
            pack(Path(output, "layout"), Path(output, "image.tar"))
            facts["made"] = {"at": time.time(), "seconds": round(time.time() - started, 3)}
            Path(output, "facts.json").write_text(json.dumps(facts))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
