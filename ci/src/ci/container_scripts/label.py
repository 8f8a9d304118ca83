"""Add labels and annotations to images in OCI layouts, without other changes.

    label.py LABELS.json OUTCOME.json LAYOUT...

LABELS.json maps each layout to its labels. Only config and manifest are
rewritten. The layers, all other fields of the config and the order of fields do
not change. The outcome maps each layout to the image's new facts.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

CREATED = "org.opencontainers.image.created"

Json = dict[str, Any]


def blob(layout: Path, digest: str) -> Path:
    """Return the path of a blob in an OCI layout."""
    return layout / "blobs" / digest.replace(":", "/", 1)


def write(layout: Path, data: Json, *, instead_of: str) -> tuple[str, int]:
    """Replace a blob by JSON; return the new digest and size."""
    content = json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
    blob(layout, instead_of).unlink()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    blob(layout, digest).write_bytes(content)
    return digest, len(content)


def label(layout: Path, labels: dict[str, str]) -> Json:
    """Add labels to the only image of a layout; return its facts.

    The labels are also annotations of the manifest, so that they can be
    read without fetching the config.
    """
    index: Json = json.loads((layout / "index.json").read_text())
    (entry,) = index["manifests"]
    manifest: Json = json.loads(blob(layout, entry["digest"]).read_text())
    config: Json = json.loads(blob(layout, manifest["config"]["digest"]).read_text())
    settings = config.setdefault("config", {})
    settings["Labels"] = {**(settings.get("Labels") or {}), **labels}
    if CREATED in labels:
        config["created"] = labels[CREATED]
    described = manifest["config"]
    described["digest"], described["size"] = write(layout, config, instead_of=described["digest"])
    manifest["annotations"] = {**manifest.get("annotations", {}), **labels}
    entry["digest"], entry["size"] = write(layout, manifest, instead_of=entry["digest"])
    (layout / "index.json").write_text(json.dumps(index))
    return {
        "digest": entry["digest"],
        "config_digest": described["digest"],
        "manifest": manifest,
        "config": config,
        "layers": [{"digest": layer["digest"], "size": layer["size"]} for layer in manifest["layers"]],
    }


def main(labels: str, outcome: str, *layouts: str) -> None:
    """Label every layout."""
    wanted: dict[str, dict[str, str]] = json.loads(Path(labels).read_text())
    Path(outcome).write_text(json.dumps({name: label(Path(name), wanted[name]) for name in layouts}))


if __name__ == "__main__":
    main(*sys.argv[1:])
