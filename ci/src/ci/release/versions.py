"""Versions as people write them in tags: read, compared, and distinguished from anything else.

Only the three numbers are compared, because only releases hold a tag: a tuple of integers does that, and
neither `packaging` (PEP 440 has no `1.0.0-alpha.beta`) nor a library for semantic versions would take a tag
with `v`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SEMVER", "Numbers", "is_release", "newest", "numbers", "same"]

# The grammar of semver.org; `v` is customary in git and not part of the version.
SEMVER = re.compile(
    r"v?(?P<major>0|[1-9]\d*)\.(?P<minor>0|[1-9]\d*)\.(?P<patch>0|[1-9]\d*)"
    r"(?:-(?P<pre>(?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*))*))?"
    r"(?:\+[\da-zA-Z-]+(?:\.[\da-zA-Z-]+)*)?",
    re.ASCII,
)

Numbers = tuple[int, int, int]


def numbers(version: str) -> Numbers:
    """Return a version's three numbers; a pre-release counts as its release."""
    match = SEMVER.fullmatch(version)
    if match is None:
        raise PipelineError(
            "version.not-semantic",
            f"'{version}' is not a semantic version",
            hint="write it as MAJOR.MINOR.PATCH",
        )
    return int(match["major"]), int(match["minor"]), int(match["patch"])


def is_release(tag: str) -> bool:
    """Tell whether a tag is a release's full version, with or without `v`; a pre-release is not."""
    match = SEMVER.fullmatch(tag)
    return match is not None and not match["pre"]


def newest(tags: Iterable[str]) -> str:
    """Return the newest release among tags as it is written there, or an empty text."""
    return max((tag for tag in tags if is_release(tag)), key=numbers, default="")


def same(version: str, tags: Iterable[str]) -> tuple[str, ...]:
    """Return the tags that are the same version, written in another way: `v1.2.3` for `1.2.3`."""
    ours = SEMVER.fullmatch(version)
    if ours is None:
        return ()
    wanted = ours.group("major", "minor", "patch", "pre")
    found = [(tag, SEMVER.fullmatch(tag)) for tag in tags if tag != version]
    return tuple(
        tag for tag, match in found if match and match.group("major", "minor", "patch", "pre") == wanted
    )
