"""Judge whether the tags of images that a project pins by digest have moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci import table
from ci.errors import PipelineError
from ci.references import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ci.references import ImagesMap, Reference

__all__ = ["Pinned", "judge", "pinned"]

_SHOWN = len("sha256:") + 12
_COLUMNS = ("image", "pinned", "now", "used by")


@dataclass(frozen=True)
class Pinned:
    """An image that is pinned by digest, and the services that use it.

    `obstacle` says why it cannot be compared with its tag.
    """

    reference: Reference
    services: tuple[str, ...]
    obstacle: str = ""


def pinned(used: Mapping[str, Iterable[str]], images: ImagesMap) -> list[Pinned]:
    """Return the images with a digest; `used` maps services to the references that they use."""
    found: dict[Reference, set[str]] = {}
    for service, references in used.items():
        for text in references:
            reference = parse(text, where=f"service '{service}'")
            if reference.pinned:
                found.setdefault(reference, set()).add(service)
    return [
        Pinned(reference, tuple(sorted(services)), _obstacle(reference, images))
        for reference, services in sorted(found.items(), key=lambda item: str(item[0]))
    ]


def judge(images: Sequence[Pinned], now: Mapping[str, str]) -> str:
    """Return a table of the images; fail if a tag has moved, cannot be read, or if nothing was compared.

    `now` maps `name:tag` to its current digest, which is empty if the registry does not give it.
    """
    rows = [_row(each, now) for each in images]
    shown = table.text(_COLUMNS, rows)
    compared = [each for each in images if not each.obstacle]
    if not compared:
        raise PipelineError(
            "drift.nothing-compared",
            "no image could be compared with its tag",
            details=shown if rows else "",
            hint="pin images as name:tag@sha256:…, for example by `dagger call init`",
        )
    moved = [each for each in compared if now[each.reference.without_digest] != each.reference.digest]
    if unreadable := [each for each in moved if not now[each.reference.without_digest]]:
        raise PipelineError(
            "drift.unreadable",
            f"the tags of {len(unreadable)} of {len(compared)} images cannot be read",
            details=shown,
            hint="check the names, and that Dagger's engine reaches their registries",
        )
    if moved:
        raise PipelineError(
            "drift.moved",
            f"the tags of {len(moved)} of {len(compared)} images have moved since they were pinned",
            details=shown,
            hint="update the digests, let the gates check the new images, and commit",
        )
    return shown


def _obstacle(reference: Reference, images: ImagesMap) -> str:
    if not reference.tag:
        return "pinned without a tag"
    if images.resolve(str(reference), where="image") != str(reference):
        return "replaced by the images map"
    return ""


def _row(image: Pinned, now: Mapping[str, str]) -> list[str]:
    digest = now.get(image.reference.without_digest, "")
    state = digest[:_SHOWN] if digest != image.reference.digest else "the same"
    return [
        image.reference.without_digest if image.reference.tag else image.reference.name,
        image.reference.digest[:_SHOWN],
        f"not compared: {image.obstacle}" if image.obstacle else state or "cannot be read",
        " ".join(image.services),
    ]
