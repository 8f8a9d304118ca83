"""What a workflow needs to know of a release, decided here and not by its shell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ci.release import versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.release.manifest import Release

__all__ = ["facts"]


def facts(release: Release, images: Sequence[Mapping[str, Any]], *, base: str = "") -> str:
    """Return JSON: the version, whether it is a pre-release, and whether it is the latest of the whole set.

    `images` are what was done for each: a release of all services is the latest if none of them keeps
    `latest` with a newer one. A host of releases (GitHub: `--prerelease`, `--latest`) can be given these as
    they are.
    """
    tag = release.ref.removeprefix("refs/tags/")
    service = tag.rpartition("/")[0]
    prerelease = bool(release.version) and not versions.is_release(release.version)
    kept = any("latest" in image["held"] for image in images)
    data = {
        "tag": tag,
        "version": release.version,
        "service": service,
        "prerelease": prerelease,
        "latest": bool(release.version) and not prerelease and not service and not kept,
        "base": base,
        "images": {image.service: image.reference for image in release.images},
    }
    return json.dumps(data, indent=2) + "\n"
