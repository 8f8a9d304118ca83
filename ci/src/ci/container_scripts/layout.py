"""Read an OCI layout in a tar.

    python3 layout.py config IMAGE.tar OUTPUT.json
    python3 layout.py exported FOLDER
    python3 layout.py sizes IMAGE.tar OUTPUT.json
    python3 layout.py unpack IMAGE.tar FOLDER

`config` writes the image's config as in a registry. `exported` reads a folder of
`bake.sh` and writes facts.json into it: digests, sizes in bytes, layers and config
of the image, when it was exported, and by which versions. `sizes` writes the
uncompressed sizes of the layers, which takes longer. `unpack` writes the layout as
a folder.
"""

from __future__ import annotations

import gzip
import json
import sys
import tarfile
from pathlib import Path
from typing import IO, Any

Json = dict[str, Any]
CHUNK = 1 << 20
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def blob_path(digest: str) -> str:
    """Return the path of a blob in a layout."""
    return "blobs/" + digest.replace(":", "/", 1)


def open_blob(image: tarfile.TarFile, name: str) -> IO[bytes]:
    """Open a file of the layout. Raise ValueError if it is missing."""
    found = image.extractfile(name) if name in image.getnames() else None
    if found is None:
        msg = f"{name} is not a file in the image"
        raise ValueError(msg)
    return found


def read_json(image: tarfile.TarFile, name: str) -> Json:
    """Read a JSON file of the layout."""
    data: Json = json.load(open_blob(image, name))
    return data


def read_image(image: tarfile.TarFile) -> tuple[str, Json, Json]:
    """Return digest, manifest and config of the only image in the layout."""
    (entry,) = read_json(image, "index.json")["manifests"]
    manifest = read_json(image, blob_path(entry["digest"]))
    return entry["digest"], manifest, read_json(image, blob_path(manifest["config"]["digest"]))


def uncompressed_size(blob: IO[bytes], size: int) -> int | None:
    """Return a layer's uncompressed size; None if Python cannot read the compression."""
    start = blob.read(len(ZSTD))
    blob.seek(0)
    if start == ZSTD:
        return None
    if not start.startswith(GZIP):
        return size
    total = 0
    with gzip.open(blob) as unzipped:
        while chunk := unzipped.read(CHUNK):
            total += len(chunk)
    return total


def facts(image: tarfile.TarFile) -> Json:
    """Return the facts about the image that need no access to its files."""
    digest, manifest, config = read_image(image)
    layers = [
        {"digest": layer["digest"], "diff_id": diff_id, "size": layer["size"]}
        for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True)
    ]
    return {
        "digest": digest,
        "config_digest": manifest["config"]["digest"],
        "size": sum(layer["size"] for layer in layers),
        "layers": layers,
        "config": config,
    }


def exported(folder: Path) -> Json:
    """Return the facts about an exported image, when it was exported, and by which versions of programs."""
    with tarfile.open(folder / "image.tar") as image:
        found = facts(image)
    return {
        "facts": found,
        "exported_at": float((folder / "exported_at").read_text()),
        "versions": json.loads((folder / "versions.json").read_text()),
    }


def sizes(image: tarfile.TarFile) -> Json:
    """Return the uncompressed size of each layer by digest; None if it cannot be read."""
    _, manifest, _ = read_image(image)
    return {
        layer["digest"]: uncompressed_size(open_blob(image, blob_path(layer["digest"])), layer["size"])
        for layer in manifest["layers"]
    }


def main(arguments: list[str]) -> None:
    """Run one of the commands."""
    match arguments:
        case ["config", image_tar, output]:
            with tarfile.open(image_tar) as image:
                Path(output).write_text(json.dumps(read_image(image)[2]))
        case ["exported", folder]:
            (Path(folder) / "facts.json").write_text(json.dumps(exported(Path(folder))))
        case ["sizes", image_tar, output]:
            with tarfile.open(image_tar) as image:
                Path(output).write_text(json.dumps(sizes(image)))
        case ["unpack", image_tar, folder]:
            with tarfile.open(image_tar) as image:
                image.extractall(folder, filter="data")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
