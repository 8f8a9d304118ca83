"""Bring images into a registry by digest: nothing points to them yet."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.container_scripts.registry.pool import each
from ci.container_scripts.registry.regctl import say
from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.container_scripts.registry.regctl import Regctl

__all__ = ["Upload", "from_layout", "from_registry", "upload"]

_LAYOUT = "ocidir://"


@dataclass(frozen=True)
class Upload:
    """One image, where it comes from, and the repository it goes to.

    `source` is a layout (`ocidir://…`) or a repository of a registry.
    """

    source: str
    repository: str
    digest: str
    manifest: bytes

    @property
    def reference(self) -> str:
        """The image by digest, as it will be."""
        return f"{self.repository}@{self.digest}"

    @cached_property
    def blobs(self) -> dict[str, int]:
        """Config and layers: digest to size in bytes."""
        data: dict[str, Any] = json.loads(self.manifest)
        return {item["digest"]: item["size"] for item in (data["config"], *data["layers"])}

    def send(self, regctl: Regctl, digest: str) -> None:
        """Bring one blob from the source to the repository."""
        if self.source.startswith(_LAYOUT):
            regctl.put_blob(self.repository, digest, _file(self.source, digest))
        else:
            regctl.mount(self.source, self.repository, digest, self.blobs[digest])


def from_layout(layout: str, repository: str, digest: str) -> Upload:
    """Return the upload of a layout's image."""
    source = f"{_LAYOUT}{layout}"
    return Upload(source, repository, digest, _file(source, digest).read_bytes())


def from_registry(regctl: Regctl, source: str, repository: str, digest: str) -> Upload:
    """Return the upload of an image in another repository."""
    content = regctl.manifest(f"{source}@{digest}")
    if content is None:
        raise PipelineError(
            "registry.source-missing",
            f"{source}@{digest} is not there",
            hint="check the registry and the digest",
        )
    return Upload(source, repository, digest, content)


def _file(source: str, digest: str) -> Path:
    return Path(source.removeprefix(_LAYOUT), "blobs", digest.replace(":", "/", 1))


def upload(
    regctl: Regctl, uploads: Sequence[Upload], known: Mapping[str, frozenset[str]], *, limit: int
) -> list[int]:
    """Push every image by digest and read it back; what is there is not sent again.

    A layer that several images share is sent once and mounted in the other
    repositories. `known` are the digests that each repository should have,
    because a tag of it needs them: for these regctl's own look is enough.
    Returns the bytes that were sent for each image, none for one that was there.
    """
    lacking = each(uploads, lambda item: _missing(regctl, item, known[item.repository]), limit=limit)
    missing = dict(zip(uploads, lacking, strict=True))
    sent = _share(regctl, missing, limit)

    def push(item: Upload) -> int:
        if missing[item] is None:
            say(f"{item.reference} is there")
            return 0
        left = sum(item.blobs[digest] for digest in missing[item] or ()) + len(item.manifest)
        regctl.copy(f"{item.source}@{item.digest}", item.reference, size=left)
        if regctl.manifest(item.reference) != item.manifest:
            raise PipelineError(
                "registry.upload-lost",
                f"{item.reference} was pushed and is not there",
                hint="check the registry (its storage, its retention rules), then run it again",
            )
        say(f"{item.reference} is pushed")
        return left + sent[item]

    return each(uploads, push, limit=limit)


def _missing(regctl: Regctl, item: Upload, known: frozenset[str]) -> set[str] | None:
    """Return the blobs that are not there; `None` if the whole image is."""
    if regctl.manifest(item.reference) == item.manifest:
        return None
    unsure = item.blobs.keys() - known
    return {digest for digest in unsure if not regctl.has_blob(item.repository, digest)}


def _share(regctl: Regctl, missing: dict[Upload, set[str] | None], limit: int) -> dict[Upload, int]:
    """Send what several images lack once, mount it for the others, and strike it off; return the bytes."""
    wanting: dict[str, list[Upload]] = defaultdict(list)
    having: dict[str, Upload] = {}
    for item, lacks in missing.items():
        for digest in item.blobs:
            if lacks and digest in lacks:
                wanting[digest].append(item)
            else:
                having.setdefault(digest, item)
    sent: dict[Upload, int] = defaultdict(int)

    def bring(digest: str) -> None:
        items = wanting[digest]
        source = having.get(digest)
        if source is None:
            source = items[0]
            source.send(regctl, digest)
            sent[source] += source.blobs[digest]
        for item in items:
            if item is not source:
                regctl.mount(source.repository, item.repository, digest, item.blobs[digest])

    shared = [digest for digest, items in wanting.items() if digest in having or len(items) > 1]
    each(shared, bring, limit=limit)
    for lacks in missing.values():
        if lacks:
            lacks.difference_update(shared)
    return sent
