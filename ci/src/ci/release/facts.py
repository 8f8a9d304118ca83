"""What a workflow needs to know of a release, decided here and not by its shell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ci.release import versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.release.manifest import Release

__all__ = ["files"]


def files(release: Release, images: Sequence[Mapping[str, Any]], *, base: str = "") -> dict[str, str]:
    """Return the files that a workflow hands on as they are: none of them has to be taken apart by its shell.

    - `release-facts.json`: everything, for programs
    - `release.env`: title, pre-release and latest as KEY=VALUE, for GITHUB_OUTPUT and GitLab's dotenv reports
    - `subjects.txt`: each image as `sha256sum` writes a file, for actions/attest
    - `references.txt`: each image by digest, one a line, for `xargs cosign sign`
    """
    known = _facts(release, images, base)
    title = " ".join(part for part in (known["service"], known["version"] or known["tag"]) if part)
    variables = {
        "RELEASE_TITLE": title,
        "RELEASE_PRERELEASE": json.dumps(known["prerelease"]),
        "RELEASE_LATEST": json.dumps(known["latest"]),
    }
    # Of an image for several platforms, the index and what it lists.
    digests = [
        (image.reference.partition("@")[0], digest)
        for image in release.images
        for digest in (image.digest, *(each.digest for each in image.platforms))
    ]
    references = [f"{name}@{digest}" for name, digest in digests]
    subjects = [(digest.partition(":")[2], name) for name, digest in digests]
    return {
        "release-facts.json": json.dumps({**known, "title": title}, indent=2) + "\n",
        "release.env": "".join(f"{key}={value}\n" for key, value in variables.items()),
        "subjects.txt": "".join(f"{digest}  {name}\n" for digest, name in subjects),
        "references.txt": "".join(f"{reference}\n" for reference in references),
    }


def _facts(release: Release, images: Sequence[Mapping[str, Any]], base: str) -> dict[str, Any]:
    """Return the version, whether it is a pre-release, and whether it is the latest of the whole set.

    `images` are what was done for each: a release of all services is the latest if none of them keeps
    `latest` with a newer one.
    """
    tag = release.ref.removeprefix("refs/tags/")
    service = tag.rpartition("/")[0]
    prerelease = bool(release.version) and not versions.is_release(release.version)
    kept = any("latest" in image["held"] for image in images)
    return {
        "tag": tag,
        "version": release.version,
        "service": service,
        "prerelease": prerelease,
        "latest": bool(release.version) and not prerelease and not service and not kept,
        "base": base,
        "images": {image.service: image.reference for image in release.images},
    }
