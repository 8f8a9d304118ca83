"""What a publish or promote came to, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ci import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.release.manifest import Release
    from ci.release.tags import Tags

__all__ = ["SKIPPED", "markdown", "tags", "text"]

# The outcome of a gate that did not run for a platform, in release.json.
SKIPPED = "skipped"

_HEADER = ["service", "digest", "tags", "size", "sent"]


def tags(decided: Tags) -> str:
    """Return a ref's tags as a table; which of the moving ones stay depends on the registry."""
    services = decided.service or "all"
    rows = [[tag, services, "never moves"] for tag in decided.fixed]
    rows += [[tag, services, "moves, never back"] for tag in decided.moving]
    return table.text(["tag", "services", decided.event], rows)


def text(release: Release, images: Sequence[Mapping[str, Any]], *, dry_run: bool) -> str:
    """Return the table and what there is to say about it; sizes and bytes sent in MB (10^6)."""
    return "\n".join(
        [
            table.text(_HEADER, _rows(release, images, dry_run=dry_run)),
            "",
            *_said(release, images, dry_run=dry_run),
        ]
    )


def markdown(release: Release, images: Sequence[Mapping[str, Any]], *, dry_run: bool) -> str:
    """Return the same for a job summary."""
    lines = [f"- {line}" for line in _said(release, images, dry_run=dry_run)]
    return "\n".join([table.markdown(_HEADER, _rows(release, images, dry_run=dry_run)), "", *lines]) + "\n"


def _rows(release: Release, images: Sequence[Mapping[str, Any]], *, dry_run: bool) -> list[list[str]]:
    known = {image.service: image for image in release.images}
    rows = []
    for image in images:
        name = image["service"]
        size = table.megabytes(known[name].size)
        sent = _sent(image["sent"], dry_run=dry_run)
        rows.append([name, image["digest"], " ".join(image["tags"]), size, sent])
        rows += [
            [f"{name} ({each.platform})", each.digest, "", table.megabytes(each.size), ""]
            for each in known[name].platforms
        ]
    return rows


def _sent(count: int, *, dry_run: bool) -> str:
    if dry_run:
        return "nothing"
    return table.megabytes(count) if count else "was there"


def _said(release: Release, images: Sequence[Mapping[str, Any]], *, dry_run: bool) -> list[str]:
    moved = sum(len(image["moved"]) for image in images)
    if dry_run:
        lines = [f"dry run: nothing was written to {release.registry}; tags it would put: {moved}"]
    else:
        lines = [f"images in {release.registry}: {len(images)}; tags put: {moved}"]
    signatures = [image["signature"] for image in images if image.get("signature")]
    if signatures:
        lines.append(f"signed by the given key: {len(signatures)}, of these now: {signatures.count('put')}")
    lines += [
        f"{image['service']}:{tag} stays where it is, because of {by}"
        for image in images
        for tag, by in image["held"].items()
    ]
    for each in release.images:
        for part in each.platforms:
            if skipped := [gate for gate, outcome in part.gates.items() if outcome == SKIPPED]:
                lines.append(f"{each.service} ({part.platform}): skipped: {', '.join(skipped)}")
    return lines
