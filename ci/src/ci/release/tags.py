"""Which tags a git ref gives its images: the rules of docker/metadata-action.

A semantic version `v1.2.3` gives 1.2.3, 1.2, 1 and latest; 0.x gives no major, a pre-release only itself.
Pull requests and the default branch's `edge` as there, and `sha-` with seven digits for any commit (more
where another commit has these). Build metadata is dropped. Ours beyond that: `SERVICE/v1.2.3` releases one
service, a branch cannot take a release's tag, and no moving tag ever goes back.

A branch's tag is its name if that can be a tag. Any other name loses the characters that a tag cannot have
and gets a hash of the whole name, because two branches must never share a tag: `feat/x` is `feat-x-79b4cc5`
beside `feat-x`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.release import versions
from ci.spelling import closest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["Tags", "decide", "holders"]

# What a branch may not be called: releases, commits, pull requests and the registry use these.
_TAKEN = re.compile(
    r"latest|edge|v?\d+(\.\d+)?|v?\d+\.\d+\.\d+.*|sha-[0-9a-f]{7,}|pr-\d+|sha256-[0-9a-f]+.*|claim-.*",
    re.ASCII,
)
_PULL = re.compile(r"refs/pull/(\d+)/(?:merge|head)", re.ASCII)
_REVISION = re.compile(r"[0-9a-f]{7,64}", re.ASCII)
_LONGEST = 128  # of a tag, by the distribution specification
_SHORT = 7


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
        f"--ref '{ref}' is not a ref that images are tagged by",
        hint="give the full ref: refs/tags/v1.2.3, refs/tags/SERVICE/v1.2.3, refs/heads/BRANCH "
        "or refs/pull/NUMBER/merge",
    )


def holders(version: str, moving: Iterable[str], existing: Iterable[str]) -> dict[str, str]:
    """Return the moving tags that must stay, each with the tag of the newer release that holds it.

    `1.1.9` after `1.2.0` moves 1.1, but neither 1 nor latest: each tag belongs to the newest release within
    what it promises. An earlier pipeline may have written `v1.2.0`.
    """
    ours = versions.numbers(version)
    held: dict[str, str] = {}
    releases = [tag for tag in existing if versions.is_release(tag)]
    for tag in moving:
        promised = () if tag == "latest" else tuple(int(part) for part in tag.split("."))
        within = [name for name in releases if versions.numbers(name)[: len(promised)] == promised]
        newest = versions.newest(within)
        if newest and versions.numbers(newest) > ours:
            held[tag] = newest
    return held


def _release(tag: str, commit: tuple[str, ...], services: Collection[str]) -> Tags:
    service, _, text = tag.rpartition("/")
    if service and service not in services:
        close = closest(service, services)
        hint = f"did you mean {close}/{text}? " if close else ""
        raise PipelineError(
            "tags.unknown-service",
            f"git tag '{tag}': there is no service called '{service}' with a build",
            hint=f"{hint}choose from {', '.join(sorted(services)) or '(none)'}, "
            f"or tag {text} for all services",
        )
    match = versions.SEMVER.fullmatch(text)
    if match is None:
        raise PipelineError(
            "tags.version-invalid",
            f"git tag '{tag}': '{text}' is not a semantic version",
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
            f"--commit '{sha}' is not a commit id",
            hint="use the output of `git rev-parse HEAD`",
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
    if tag != branch or len(tag) > _LONGEST:
        end = hashlib.sha256(branch.encode()).hexdigest()[:_SHORT]
        tag = f"{tag[: _LONGEST - _SHORT - 1].rstrip('-')}-{end}"
    if _TAKEN.fullmatch(tag):
        raise PipelineError(
            "tags.branch-reserved",
            f"branch '{branch}' would take the tag '{tag}', which belongs to releases, commits or pulls",
            hint=f"rename the branch, for example to release/{branch}",
        )
    return tag
