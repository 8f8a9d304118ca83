"""Which tags a git ref gives its images: the rules of docker/metadata-action.

A semantic version `v1.2.3` gives 1.2.3, 1.2, 1 and latest; 0.x gives no
major, a pre-release only itself. Branches, pull requests and the default
branch's `edge` as there, and `sha-` with seven digits for any commit. Build
metadata is dropped. Ours beyond that: `SERVICE/v1.2.3` releases one service, a
branch cannot take a release's tag, and no moving tag ever goes back.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["RELEASE_TAG", "Tags", "decide", "holders", "newest"]

# The grammar of semver.org; `v` is customary in git and not part of the version.
_SEMVER = re.compile(
    r"v?(?P<major>0|[1-9]\d*)\.(?P<minor>0|[1-9]\d*)\.(?P<patch>0|[1-9]\d*)"
    r"(?:-(?P<pre>(?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*))*))?"
    r"(?:\+[\da-zA-Z-]+(?:\.[\da-zA-Z-]+)*)?",
    re.ASCII,
)
# A release's full version as a tag; the tags that never move.
RELEASE_TAG = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)
# What a branch may not be called: releases, commits, pull requests and the registry use these.
_TAKEN = re.compile(
    r"latest|edge|v?\d+(\.\d+)?|v?\d+\.\d+\.\d+.*|sha-[0-9a-f]{7,}|pr-\d+|sha256-[0-9a-f]+.*|claim-.*",
    re.ASCII,
)
_PULL = re.compile(r"refs/pull/(\d+)/(?:merge|head)", re.ASCII)
_REVISION = re.compile(r"[0-9a-f]{7,64}", re.ASCII)
_LONGEST = 128  # of a tag, by the distribution specification
_SHORT = 7

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Tags:
    """The tags of one ref.

    `fixed` are put once and never moved; `moving` are in the order in which
    they move, the most general last. `service` is the one service that a
    monorepo tag names, or empty for all. `version` is a release's version
    without `v`, empty for anything else.
    """

    event: str
    fixed: tuple[str, ...]
    moving: tuple[str, ...] = ()
    service: str = ""
    version: str = ""

    @property
    def all(self) -> tuple[str, ...]:
        """Every tag: what never moves first."""
        return self.fixed + self.moving


def decide(ref: str, *, sha: str = "", default_branch: str = "main", services: Collection[str] = ()) -> Tags:
    """Return the tags of a full git ref; a ref that cannot have any is an error."""
    commit = _commit_tag(sha)
    if ref.startswith("refs/tags/"):
        return _release(ref.removeprefix("refs/tags/"), commit, services)
    if ref.startswith("refs/heads/"):
        branch = ref.removeprefix("refs/heads/")
        if branch != default_branch:
            return Tags("branch", commit, (_branch_tag(branch),))
        return Tags(
            "default branch", commit, ("edge",) if branch == "edge" else (_branch_tag(branch), "edge")
        )
    if pull := _PULL.fullmatch(ref):
        return Tags("pull request", commit, (f"pr-{pull[1]}",))
    raise PipelineError(
        "tags.unknown-ref",
        f"--ref '{ref}' is no ref that images are tagged by",
        hint="give the full ref: refs/tags/v1.2.3, refs/tags/SERVICE/v1.2.3, refs/heads/BRANCH "
        "or refs/pull/NUMBER/merge",
    )


def newest(tags: Iterable[str]) -> str:
    """Return the newest release among a repository's tags, or an empty text."""
    versions = [_numbers(tag) for tag in tags if RELEASE_TAG.fullmatch(tag)]
    return ".".join(str(number) for number in max(versions)) if versions else ""


def holders(version: str, moving: Iterable[str], existing: Iterable[str]) -> dict[str, str]:
    """Return the moving tags that must stay, each with the newer release that holds it.

    `1.1.9` after `1.2.0` moves 1.1, but neither 1 nor latest: each tag belongs
    to the newest release within what it promises.
    """
    ours = _numbers(version)
    held: dict[str, str] = {}
    releases = [tag for tag in existing if RELEASE_TAG.fullmatch(tag)]
    for tag in moving:
        within = [name for name in releases if tag == "latest" or name.startswith(f"{tag}.")]
        latest = newest(within)
        if latest and _numbers(latest) > ours:
            held[tag] = latest
    return held


def _release(tag: str, commit: tuple[str, ...], services: Collection[str]) -> Tags:
    service, _, text = tag.rpartition("/")
    if service and service not in services:
        close = difflib.get_close_matches(service, services, 1)
        hint = f"did you mean {close[0]}/{text}? " if close else ""
        raise PipelineError(
            "tags.unknown-service",
            f"git tag '{tag}': there is no service called '{service}' with a build",
            hint=f"{hint}choose from {', '.join(sorted(services)) or '(none)'}, "
            f"or tag {text} for all services",
        )
    match = _SEMVER.fullmatch(text)
    if match is None:
        raise PipelineError(
            "tags.version-invalid",
            f"git tag '{tag}': '{text}' is no semantic version",
            hint="tag vMAJOR.MINOR.PATCH, for a pre-release v1.2.3-rc.1 (semver.org)",
        )
    major, minor, patch, pre = match.group("major", "minor", "patch", "pre")
    version = f"{major}.{minor}.{patch}" + (f"-{pre}" if pre else "")
    if len(version) > _LONGEST:
        raise PipelineError(
            "tags.version-too-long",
            f"git tag '{tag}': a tag has at most {_LONGEST} characters, this version has {len(version)}",
            hint="shorten its pre-release part",
        )
    if pre:
        return Tags("pre-release", (*commit, version), (), service, version)
    # 0.x promises nothing for its major version, so there is no tag "0".
    general = (f"{major}.{minor}", major, "latest") if major != "0" else (f"0.{minor}", "latest")
    return Tags("release", (*commit, version), general, service, version)


def _commit_tag(sha: str) -> tuple[str, ...]:
    if not sha:
        return ()
    if not _REVISION.fullmatch(sha):
        raise PipelineError(
            "tags.commit-invalid",
            f"--sha '{sha}' is no commit id",
            hint="give what `git rev-parse HEAD` prints",
        )
    return (f"sha-{sha[:_SHORT]}",)


def _branch_tag(branch: str) -> str:
    tag = re.sub(r"[^\w.-]+", "-", branch, flags=re.ASCII).lstrip(".-")
    if not tag:
        raise PipelineError(
            "tags.branch-without-characters",
            f"branch '{branch}' has no character that a tag can have",
            hint="give the branch a name with a letter or a digit in it",
        )
    if _TAKEN.fullmatch(tag):
        raise PipelineError(
            "tags.branch-reserved",
            f"branch '{branch}' would take the tag '{tag}', which belongs to releases, commits or pulls",
            hint=f"rename the branch, for example to release/{branch}",
        )
    if len(tag) > _LONGEST:
        # Two long names may differ in their ends only.
        end = hashlib.sha256(branch.encode()).hexdigest()[:_SHORT]
        tag = f"{tag[: _LONGEST - _SHORT - 1]}-{end}"
    return tag


def _numbers(version: str) -> Version:
    """Return a release's version as numbers; a pre-release counts as its release."""
    match = _SEMVER.fullmatch(version)
    if match is None:
        raise PipelineError(
            "version.not-semantic",
            f"'{version}' is no semantic version",
            hint="write it as MAJOR.MINOR.PATCH",
        )
    return int(match["major"]), int(match["minor"]), int(match["patch"])
