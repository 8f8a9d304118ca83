"""Write a vulnerability database as Trivy reads it: nested buckets in a bbolt file."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

from ci.container_scripts.trivy_database import LEAF, LEAF_ELEMENT, MAGIC, META, PAGE_HEADER, fnv1a
from ci.container_scripts.trivy_image import BUCKET, FREE_LIST_PAGE, META_PAGE, PAGE

if TYPE_CHECKING:
    from pathlib import Path

PIP = "pip::GitHub Security Advisory Pip"
MAVEN = "maven::GitHub Security Advisory Maven"


def write(folder: Path, packages: dict[str, dict[str, dict[str, tuple[str, str]]]], updated: str) -> None:
    """Write trivy.db and metadata.json: by bucket and package, an id's vulnerable and fixed versions."""
    tree: dict[str, Any] = {"data-source": {}, "vulnerability": {}}
    for bucket, names in packages.items():
        tree["data-source"][bucket] = {"ID": "ghsa", "Name": bucket, "URL": "https://example.org"}
        tree[bucket] = {}
        for name, advisories in names.items():
            tree[bucket][name] = {}
            for identifier, (vulnerable, fixed) in advisories.items():
                versions = {"VulnerableVersions": [vulnerable], "PatchedVersions": [fixed]}
                debian = {"FixedVersion": fixed}
                tree[bucket][name][identifier] = versions if "::" in bucket else debian
                about = {"Title": identifier, "VendorSeverity": {"nvd": 3, "ghsa": 3}}
                tree["vulnerability"][identifier] = about
    leaves = {key: value for key, value in tree.items() if key in ("data-source", "vulnerability")}
    buckets = {key: value for key, value in tree.items() if key not in leaves}
    folder.mkdir(parents=True, exist_ok=True)
    root = {key: (1, flat(value)) for key, value in leaves.items()}
    root |= {key: (1, nested(value)) for key, value in buckets.items()}
    (folder / "trivy.db").write_bytes(file(page(root)))
    (folder / "metadata.json").write_text(
        json.dumps({"Version": 2, "UpdatedAt": updated, "NextUpdate": updated})
    )


def nested(value: dict[str, Any]) -> bytes:
    """Return a bucket of buckets, in their parent's page."""
    return inline({key: (1, flat(below)) for key, below in value.items()})


def flat(value: dict[str, Any]) -> bytes:
    """Return a bucket of JSON values, in its parent's page."""
    return inline({key: (0, json.dumps(below).encode()) for key, below in value.items()})


def inline(entries: dict[str, tuple[int, bytes]]) -> bytes:
    """Return a bucket that is a value of its parent."""
    return struct.pack("<QQ", 0, 0) + page(entries, number=0)


def page(entries: dict[str, tuple[int, bytes]], number: int = 3) -> bytes:
    """Return a leaf page; an entry's flag says whether it is a bucket."""
    elements, data = b"", b""
    for index, (name, (flag, value)) in enumerate(sorted(entries.items())):
        offset = (len(entries) - index) * LEAF_ELEMENT.size + len(data)
        key = name.encode()
        elements += LEAF_ELEMENT.pack(flag and BUCKET, offset, len(key), len(value))
        data += key + value
    body = elements + data
    overflow = (PAGE_HEADER.size + len(body) - 1) // PAGE if number else 0
    return PAGE_HEADER.pack(number, LEAF, len(entries), overflow) + body


def file(root: bytes) -> bytes:
    """Return a file with this root page."""
    pages = 3 + -(-len(root) // PAGE)

    def meta(number: int) -> bytes:
        fields = META.pack(MAGIC, 2, PAGE, 0, 3, 0, 2, pages, number, 0)[:-8]
        head = PAGE_HEADER.pack(number, META_PAGE, 0, 0)
        return (head + fields + struct.pack("<Q", fnv1a(fields))).ljust(PAGE, b"\0")

    free_list = PAGE_HEADER.pack(2, FREE_LIST_PAGE, 0, 0).ljust(PAGE, b"\0")
    return meta(0) + meta(1) + free_list + root.ljust((pages - 3) * PAGE, b"\0")
