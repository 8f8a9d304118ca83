"""Layers that were made before, in a folder that outlives a build: an unchanged one is not packed again.

A layer is kept under the digest it came with and the way it was made, which
together decide what it is. What is read back is checked against its digest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Of all layers kept; those that were not used for longest go first.
MOST_BYTES = 1 << 30

Json = dict[str, Any]


class MadeLayers:
    """The folder, and how many bytes may be in it."""

    def __init__(self, folder: Path, *, most: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most = most

    def size(self, key: str, find: Callable[[], int]) -> int:
        """Return a size in bytes that was written down for a key, or find it and write it down."""
        place = self._place(key, "size")
        known = _read(place)
        if known is None:
            known = {"size": find()}
            _write(place, json.dumps(known).encode())
        return int(known["size"])

    def layer(self, key: str, blobs: Path, make: Callable[[], Json]) -> Json:
        """Have a layer among the blobs, as it was made before or made now; return its facts."""
        place = self._place(key, "json")
        kept = place.with_suffix(".layer")
        facts = _read(place)
        if facts is None or not _copied(kept, blobs / _hexadecimal(facts), facts["digest"]):
            facts = make()
            _write(kept, (blobs / _hexadecimal(facts)).read_bytes())
            _write(place, json.dumps(facts).encode())
            self._tidy()
        return facts

    def _place(self, key: str, suffix: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()}.{suffix}"

    def _tidy(self) -> None:
        """Remove what was not used for longest, until the rest is small enough."""
        found = []
        for path in self._folder.glob("*.layer"):
            with contextlib.suppress(FileNotFoundError):  # another build tidies, too
                found.append((path.stat().st_mtime, path.stat().st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._most:
                return
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)
            total -= size


def _read(path: Path) -> Json | None:
    """Return what is in a file, None where there is none or it is cut off."""
    try:
        facts: Json = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return facts


def _copied(source: Path, target: Path, digest: str) -> bool:
    """Copy a layer if it is there and is what its digest says; return whether it is."""
    try:
        content = source.read_bytes()
    except FileNotFoundError:
        return False
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        return False
    os.utime(source)
    target.write_bytes(content)
    return True


def _hexadecimal(facts: Json) -> str:
    digest: str = facts["digest"]
    return digest.removeprefix("sha256:")


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: builds share the folder."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)
