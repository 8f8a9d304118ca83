"""Which tags to put where, given what the registry holds; what is refused.

The plan is made from the registry's state, and made again after it was carried
out: when nothing is left to do, the tags are as requested. An interrupted run
and two concurrent runs have the same result.

A registry has no lock and puts a tag without asking, so two releases of one
version could mix. Each therefore first *claims* the version in every
repository of its set, under a tag that names the image's digest, and only then
looks: of two that overlap at most one sees no claim but its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.release import tags, versions
from ci.release.history import History

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "Image",
    "KeptTag",
    "Plan",
    "State",
    "TagUpdate",
    "claim",
    "commit_tags",
    "is_taken",
    "make",
    "wanted",
]

_SHOWN = 12  # digits of a digest in a claim
_LONGEST = 128  # of a tag, by the distribution specification
_DIGITS = (7, 12, 64)  # of a commit in its tag, the next where another commit has the same
# A commit's time may be ahead by a wrong clock, a little.
_TOLERANCE = timedelta(hours=1)


@dataclass(frozen=True)
class Image:
    """One image to release: `fixed` tags are put once, the commit's first; `moving` ones in this order.

    `version` is the release's, empty for a branch; `revision` is the commit and `created` its time, by
    which a branch's tags are kept from going back. `replace_commit_tag` moves the commit's tag to another
    build of it.
    """

    service: str
    repository: str
    digest: str
    fixed: tuple[str, ...]
    moving: tuple[str, ...] = ()
    version: str = ""
    created: str = ""
    revision: str = ""
    replace_commit_tag: bool = False


@dataclass(frozen=True)
class State:
    """The contents of one repository.

    `tags` are all its tags, `digests` those of the tags that matter here; `created` and `revisions` are
    time and id of the commits of the images behind them, where they have them, `blobs` the digests of what
    these images consist of.
    """

    tags: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    created: Mapping[str, str] = field(default_factory=dict)
    revisions: Mapping[str, str] = field(default_factory=dict)
    blobs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TagUpdate:
    """Put `tag` on `digest`; `was` is the digest that it leaves, empty if it is new.

    `source` is a tag to take the digest from instead: a newer release's.
    """

    service: str
    repository: str
    tag: str
    digest: str
    was: str = ""
    source: str = ""


@dataclass(frozen=True)
class KeptTag:
    """A moving tag that stays where it is, because `by` is newer."""

    service: str
    tag: str
    by: str


@dataclass(frozen=True)
class Plan:
    """`rounds` of tags to put, each complete before the next begins, and what stays.

    `fixed` has each service's tags that never move, as they were decided.
    """

    rounds: tuple[tuple[TagUpdate, ...], ...]
    held: tuple[KeptTag, ...]
    fixed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def moves(self) -> tuple[TagUpdate, ...]:
        """Every tag to put, in order."""
        return tuple(move for moves in self.rounds for move in moves)


def claim(image: Image) -> str:
    """Return the tag that claims the image's version for its digest."""
    return f"{_claims(image)}{image.digest.removeprefix('sha256:')[:_SHOWN]}"


def _claims(image: Image) -> str:
    """Return the beginning of every claim of a version; its hash replaces a version that does not fit."""
    plain = f"claim-{image.version}-"
    if len(plain) + _SHOWN <= _LONGEST:
        return plain
    return f"claim-{hashlib.sha256(image.version.encode()).hexdigest()}-"


def commit_tags(image: Image) -> tuple[str, ...]:
    """Return the names that the commit's tag may have, the shortest first."""
    if not image.revision:
        return image.fixed[:1]
    return tuple(dict.fromkeys((image.fixed[0], *(f"sha-{image.revision[:digits]}" for digits in _DIGITS))))


def is_taken(image: Image, tag: str, state: State) -> bool:
    """Tell whether a commit's tag is of another commit that begins with the same digits."""
    there = state.digests.get(tag, image.digest)
    return bool(image.revision) and there != image.digest and state.revisions.get(tag) != image.revision


def wanted(image: Image, existing: Sequence[str]) -> tuple[str, ...]:
    """Return the tags whose digest the plan needs: of a version those that exist, of a branch all of them.

    A branch's are known by name, so that its repository's tags need not be listed: there may be many pages
    of them.
    """
    ours = (*image.fixed, *image.moving)
    if not image.version:
        return ours
    spelled = versions.same(image.version, existing)
    return tuple(tag for tag in existing if tag in ours or tag in spelled)


def make(
    images: Sequence[Image],
    states: Mapping[str, State],
    *,
    now: datetime | None = None,
    history: History | None = None,
) -> Plan:
    """Plan what is left to do; a conflict is one error that names every digest.

    First every image's tag of the commit, then every version, then what moves, `latest` last: so no tag
    says that a set exists before it does. `history` orders the commits of a branch, where it is given, else
    their times do, but no time that is in the future at `now`.
    """
    images = [_named(image, states.get(image.repository, State())) for image in images]
    _refuse_conflicts(images, states)
    rounds: dict[int, list[TagUpdate]] = {}
    held: list[KeptTag] = []
    order = _Order(now or datetime.now(UTC), history or History())
    for image in images:
        state = states.get(image.repository, State())
        for number, tag in enumerate(image.fixed):
            there = state.digests.get(tag, "")
            if not there or (there != image.digest and image.replace_commit_tag):
                rounds.setdefault(number, []).append(_move(image, tag, state))
            elif there != image.digest:
                held.append(KeptTag(image.service, tag, f"an earlier build of the same commit ({there})"))
        holders = _holders(image, state, order)
        for number, tag in enumerate(image.moving, start=len(image.fixed)):
            by = holders.get(tag)
            if by is not None:
                held.append(KeptTag(image.service, tag, by))
            if by is None and state.digests.get(tag) != image.digest:
                rounds.setdefault(number, []).append(_move(image, tag, state))
            elif by is not None and state.digests.get(tag) == image.digest and image.version:
                # A newer release came between reading and putting: give it its tag back.
                rounds.setdefault(number, []).append(_move(image, tag, state, source=by))
    fixed = {image.service: image.fixed for image in images}
    return Plan(tuple(tuple(rounds[number]) for number in sorted(rounds)), tuple(held), fixed)


def _named(image: Image, state: State) -> Image:
    """Return the image with the shortest tag of its commit that no other commit has."""
    names = commit_tags(image)
    free = [tag for tag in names if not is_taken(image, tag, state)]
    return replace(image, fixed=((free or names[-1:])[0], *image.fixed[1:])) if names else image


def _move(image: Image, tag: str, state: State, *, source: str = "") -> TagUpdate:
    digest = "" if source else image.digest
    return TagUpdate(image.service, image.repository, tag, digest, state.digests.get(tag, ""), source)


@dataclass(frozen=True)
class _Order:
    """Which of two commits of a branch is the later one."""

    now: datetime
    history: History

    def later(self, image: Image, revision: str, created: str) -> str:
        """Say by what a commit in the registry is later than an image's, empty if it is not known to be."""
        known = self.history.is_later(revision, image.revision)
        if known is not None:
            return revision[:_SHOWN] if known else ""
        # All are UTC in one form, so they compare as text. A wrong clock must not hold a tag for years.
        limit = (self.now + _TOLERANCE).strftime("%Y-%m-%dT%H:%M:%SZ")
        return created if image.created and image.created < created <= limit else ""


def _holders(image: Image, state: State, order: _Order) -> dict[str, str]:
    if image.version:
        return tags.holders(image.version, image.moving, state.tags)
    newer: dict[str, str] = {}
    for tag in image.moving:
        if state.digests.get(tag, image.digest) != image.digest:
            later = order.later(image, state.revisions.get(tag, ""), state.created.get(tag, ""))
            if later:
                newer[tag] = f"an image of a later commit ({later})"
    return newer


def _refuse_conflicts(images: Sequence[Image], states: Mapping[str, State]) -> None:
    lines: list[str] = []
    ours = False
    for image in images:
        state = states.get(image.repository, State())
        # The commit's tag is of this commit, or was given another name.
        spelled = versions.same(image.version, state.digests) if image.version else ()
        for tag in (*image.fixed[1:], *spelled):
            there = state.digests.get(tag, image.digest)
            if there != image.digest:
                lines.append(f"{image.repository}:{tag} is {there}, to push: {image.digest}")
        ours = ours or (bool(image.version) and state.digests.get(image.version) == image.digest)
    if lines:
        raise PipelineError(
            "tags.taken",
            f"{len(lines)} {'tags exist' if len(lines) > 1 else 'tag exists'} with another digest",
            details="\n".join(lines),
            hint="release another version: a version's tag is never overwritten",
        )
    # Whoever has the version's tag has won; a claim of another that came too late is nothing.
    if not ours:
        _refuse_claims(images, states)


def _refuse_claims(images: Sequence[Image], states: Mapping[str, State]) -> None:
    lines = [
        f"{image.repository}:{tag}, to push: {image.digest}"
        for image in images
        if image.version
        for tag in states.get(image.repository, State()).tags
        if tag.startswith(_claims(image))
        and tag != claim(image)
        # 1.2.3 and 1.2.3-rc.1 are two versions: what follows is a digest and nothing else.
        and len(tag) == len(claim(image))
    ]
    if lines:
        raise PipelineError(
            "release.version-claimed",
            f"version {images[0].version} is claimed by another release that runs now or was interrupted",
            details="\n".join(lines),
            hint="run that release again, or release another version",
        )
