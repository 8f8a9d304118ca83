"""Upload images to a registry by digest: nothing points to them yet."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.container_scripts.registry.pool import each
from ci.errors import PipelineError
from ci.registry import failures, uploads
from ci.registry.hosts import reference
from ci.registry.retrying import RegistryError, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.registry.client import Client
    from ci.registry.uploads import Content

__all__ = ["Upload", "from_layout", "from_registry", "upload"]


@dataclass(frozen=True)
class Upload:
    """One image, where it comes from, and the repository it goes to.

    It comes from the folder of an OCI layout, or from a repository (`source`).
    """

    repository: str
    digest: str
    manifest: bytes
    layout: Path | None = None
    source: str = ""

    @property
    def reference(self) -> str:
        """The image by digest, as it will be."""
        return f"{self.repository}@{self.digest}"

    @cached_property
    def blobs(self) -> dict[str, int]:
        """Config and layers: digest to size in bytes; an index has none."""
        data: dict[str, Any] = json.loads(self.manifest)
        return {
            item["digest"]: item["size"] for item in (data.get("config"), *data.get("layers", ())) if item
        }

    def content(self, client: Client, digest: str) -> Content:
        """Return the content of one blob."""
        if self.layout is not None:
            return uploads.of_file(_file(self.layout, digest))
        return client.stored(self.source, digest, self.blobs[digest])

    def send(self, client: Client, digest: str) -> bool:
        """Bring one blob from the source to the repository; return whether its bytes were sent."""
        content = self.content(client, digest)
        if self.source and reference(self.source).host == reference(self.repository).host:
            return client.mount(self.source, self.repository, digest, content)
        client.put_blob(self.repository, digest, content)
        return True


def from_layout(layout: str, repository: str, digest: str) -> Upload:
    """Return the upload of a layout's image."""
    return Upload(repository, digest, _file(Path(layout), digest).read_bytes(), layout=Path(layout))


def from_registry(client: Client, source: str, repository: str, digest: str) -> Upload:
    """Return the upload of an image in another repository."""
    content = client.manifest(f"{source}@{digest}")
    if content is None:
        raise PipelineError(
            "registry.source-missing",
            f"{source}@{digest} is not there",
            hint="check the registry and the digest",
        )
    return Upload(repository, digest, content, source=source)


def _file(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/", 1)


def upload(
    client: Client, items: Sequence[Upload], known: Mapping[str, frozenset[str]], *, limit: int
) -> list[int]:
    """Push every image by digest and read it back; what is there is not sent again.

    A blob that several images share is sent once and mounted in the other repositories. `known` are the
    digests that each repository should have, because a tag of it needs them: these are not looked for one
    by one. Returns the bytes that were sent for each image, none for one that was there.
    """
    lacking = each(items, lambda item: _missing(client, item, known[item.repository]), limit=limit)
    missing = dict(zip(items, lacking, strict=True))
    sent = _bring(client, missing, limit)

    def push(item: Upload) -> int:
        if missing[item] is None:
            say(f"{item.reference} is there")
            return 0
        return sent[item] + _put(client, item)

    return each(items, push, limit=limit)


def _put(client: Client, item: Upload) -> int:
    """Put an image's manifest and read it back; return the bytes that were sent."""
    again = 0
    try:
        client.put_manifest(item.reference, item.manifest)
    except RegistryError as error:
        if error.failure not in {failures.BLOBS_MISSING, failures.CORRUPTED}:
            raise
        # What a tag needs should be there. Where it is not, it is sent after all.
        say(f"{item.reference}: {error.failure.reason}; what it lacks is sent")
        gone = [digest for digest in item.blobs if not client.has_blob(item.repository, digest)]
        again = sum(item.blobs[digest] for digest in gone if item.send(client, digest))
        client.put_manifest(item.reference, item.manifest)
    if client.manifest(item.reference) != item.manifest:
        raise PipelineError(
            "registry.upload-lost",
            f"{item.reference} was pushed and is not there",
            hint="check the registry (its storage, its retention rules), then run it again",
        )
    say(f"{item.reference} is pushed")
    return again + len(item.manifest)


def _missing(client: Client, item: Upload, known: frozenset[str]) -> set[str] | None:
    """Return the blobs that are not there; `None` if the whole image is."""
    if client.manifest(item.reference) == item.manifest:
        return None
    unsure = item.blobs.keys() - known
    return {digest for digest in unsure if not client.has_blob(item.repository, digest)}


def _bring(client: Client, missing: Mapping[Upload, set[str] | None], limit: int) -> dict[Upload, int]:
    """Send each blob once and mount it where else it is missing; return the bytes sent for each image."""
    wanting: dict[str, list[Upload]] = defaultdict(list)
    having: dict[str, Upload] = {}
    for item, lacks in missing.items():
        for digest in item.blobs:
            if lacks and digest in lacks:
                wanting[digest].append(item)
            else:
                having.setdefault(digest, item)

    def bring(digest: str) -> list[tuple[Upload, int]]:
        items = wanting[digest]
        source = having.get(digest)
        sent = []
        if source is None:
            source, *items = items
            sent.append((source, source.send(client, digest)))
        for item in items:
            content = item.content(client, digest)
            sent.append((item, client.mount(source.repository, item.repository, digest, content)))
        return [(item, item.blobs[digest]) for item, was_sent in sent if was_sent]

    total: dict[Upload, int] = defaultdict(int)
    for counted in each(wanting, bring, limit=limit):
        for item, size in counted:
            total[item] += size
    return total
