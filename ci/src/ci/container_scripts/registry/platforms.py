"""Images for several platforms: each is pushed like an image for one, and then an index that lists them.

An item of a request that has `platforms` is such an image. Each of these is what an item for one platform
is, without what the platforms have in common: service, repository and tags.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.container_scripts.registry.pool import each
from ci.container_scripts.registry.prepare import prepare
from ci.container_scripts.registry.upload import Upload
from ci.errors import PipelineError
from ci.registry import referrers
from ci.registry.digests import digest_of
from ci.release import index

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.container_scripts.registry.cosign import Cosign
    from ci.registry.client import Client

__all__ = ["copy", "indexes", "parts", "prepared", "read", "signed", "total"]

Json = dict[str, Any]
_SHARED = ("service", "repository", "from")


def parts(item: Json) -> list[Json]:
    """Return what is pushed of an item: one image for each platform, or the item itself."""
    shared = {key: item[key] for key in _SHARED if key in item}
    return [{**part, **shared} for part in item["platforms"]] if "platforms" in item else [item]


def prepared(item: Json, origin: Mapping[str, str], builder: str, folder: Path) -> Json:
    """Make the image that is released, or the one of each platform and their index."""
    made = [prepare(part, origin, builder, folder) for part in parts(item)]
    if "platforms" not in item:
        return made[0]
    annotated = index.common([part["labels"] for part in made])
    content = index.make([part["descriptor"] for part in made], annotated)
    return {**_described(item, content), "platforms": made}


def read(client: Client, item: Json, repository: str) -> Json:
    """Read the index of an item, which must list exactly the platforms of the release."""
    if "platforms" not in item:
        return item
    subject = f"{repository}@{item['digest']}"
    content = client.manifest(subject)
    if content is None:
        raise PipelineError(
            "registry.index-missing", f"{subject} is not there", hint="check the registry and the digest"
        )
    wanted = {part["digest"]: part["platform"] for part in item["platforms"]}
    if (listed := index.digests(content)) != wanted.keys():
        raise PipelineError(
            "registry.index-differs",
            f"{subject} does not list the platforms of the release",
            details=f"release: {_lines(wanted)}\nindex: {' '.join(sorted(listed)) or '(it is no index)'}",
            hint="take release.json as it was written, or publish the image again",
        )
    return _described(item, content)


def indexes(items: Sequence[Json]) -> list[Upload]:
    """Return the uploads of the indexes, to be done after those of what they list."""
    return [Upload(item["repository"], item["digest"], item["index"]) for item in items if "index" in item]


def copy(client: Client, item: Json) -> None:
    """Copy what is attached to an index, such as a signature."""
    if "from" in item and "index" in item:
        digest = item["digest"]
        referrers.copy(client, f"{item['from']}@{digest}", f"{item['repository']}@{digest}")


def signed(cosign: Cosign, items: list[Json], *, limit: int) -> list[Json]:
    """Sign each image, statements about it, and each index; an item is signed now if a digest of it is."""

    def one(item: Json) -> Json:
        subjects = [*parts(item), *([item] if "index" in item else [])]
        new = [
            cosign.sign(
                f"{item['repository']}@{subject['digest']}",
                [Path(file).read_bytes() for file in subject.get("statements", ())],
            )
            for subject in subjects
        ]
        return {**item, "signature": "put" if any(new) else "was there"}

    return each(items, one, limit=limit)


def total(items: Sequence[Json], sent: Sequence[int], of_indexes: Sequence[int]) -> list[int]:
    """Return the bytes that were sent for each item, of those for each image and each index."""
    images, lists = iter(sent), iter(of_indexes)
    return [
        sum(next(images) for _ in parts(item)) + (next(lists) if "index" in item else 0) for item in items
    ]


def _described(item: Json, content: bytes) -> Json:
    """Return an item with its index; SBOM and provenance are those of its platforms."""
    return {**item, "digest": digest_of(content), "index": content, "sbom": "", "provenance": ""}


def _lines(platforms: Mapping[str, str]) -> str:
    return " ".join(f"{digest} ({platform})" for digest, platform in sorted(platforms.items()))
