"""Which tags to put where, given what the registry holds; what is refused.

The plan is made from the registry's state and made again after it was carried
out: when nothing is left to do, what was wanted is there. A run that was
interrupted and a run beside another come out the same way.

A registry has no lock and puts a tag without asking, so two releases of one
version could mix. Each therefore first *claims* the version in every
repository of its set, under a tag that names the image's digest, and only then
looks: of two that overlap at most one sees no claim but its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.release import tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Image", "KeptTag", "Plan", "State", "TagUpdate", "claim", "make"]

_SHOWN = 12  # digits of a digest in a claim


@dataclass(frozen=True)
class Image:
    """One image to release: `fixed` tags are put once, `moving` ones in this order.

    `version` is the release's, empty for a branch; `created` is the commit's
    time, by which a branch's tags are kept from going back.
    """

    service: str
    repository: str
    digest: str
    fixed: tuple[str, ...]
    moving: tuple[str, ...] = ()
    version: str = ""
    created: str = ""


@dataclass(frozen=True)
class State:
    """What one repository holds.

    `tags` are all its tags, `digests` those of the tags that matter here;
    `created` is the commit time of the images behind them, where they tell it,
    `blobs` are the digests of what these images consist of.
    """

    tags: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    created: Mapping[str, str] = field(default_factory=dict)
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
    """`rounds` of tags to put, each complete before the next begins, and what stays."""

    rounds: tuple[tuple[TagUpdate, ...], ...]
    held: tuple[KeptTag, ...]

    @property
    def moves(self) -> tuple[TagUpdate, ...]:
        """Every tag to put, in order."""
        return tuple(move for moves in self.rounds for move in moves)


def claim(image: Image) -> str:
    """Return the tag that claims the image's version for its digest."""
    return f"claim-{image.version}-{image.digest.removeprefix('sha256:')[:_SHOWN]}"


def wanted(image: Image, existing: Sequence[str]) -> tuple[str, ...]:
    """Return the tags whose digest the plan needs: of a version those that exist, of a branch all of them.

    A branch's are known by name, so that its repository's tags need not be listed: there may be many pages
    of them.
    """
    ours = (*image.fixed, *image.moving)
    return tuple(tag for tag in existing if tag in ours) if image.version else ours


def make(images: Sequence[Image], states: Mapping[str, State]) -> Plan:
    """Return what is left to do; a conflict is one error that names every digest.

    First every image's tag of the commit, then every version, then what moves,
    `latest` last: so no tag says that a set exists before it does.
    """
    _refuse_conflicts(images, states)
    rounds: dict[int, list[TagUpdate]] = {}
    held: list[KeptTag] = []
    for image in images:
        state = states.get(image.repository, State())
        for number, tag in enumerate(image.fixed):
            if tag not in state.digests:
                rounds.setdefault(number, []).append(_move(image, tag, state))
        holders = _holders(image, state)
        for number, tag in enumerate(image.moving, start=len(image.fixed)):
            by = holders.get(tag)
            if by is not None:
                held.append(KeptTag(image.service, tag, by))
            if by is None and state.digests.get(tag) != image.digest:
                rounds.setdefault(number, []).append(_move(image, tag, state))
            elif by is not None and state.digests.get(tag) == image.digest and image.version:
                # A newer release came between reading and putting: give it its tag back.
                rounds.setdefault(number, []).append(_move(image, tag, state, source=by))
    return Plan(tuple(tuple(rounds[number]) for number in sorted(rounds)), tuple(held))


def _move(image: Image, tag: str, state: State, *, source: str = "") -> TagUpdate:
    digest = "" if source else image.digest
    return TagUpdate(image.service, image.repository, tag, digest, state.digests.get(tag, ""), source)


def _holders(image: Image, state: State) -> dict[str, str]:
    if image.version:
        return tags.holders(image.version, image.moving, state.tags)
    newer: dict[str, str] = {}
    for tag in image.moving:
        there = state.created.get(tag, "")
        # Both are UTC in one form, so they compare as text.
        if state.digests.get(tag) != image.digest and image.created and there > image.created:
            newer[tag] = f"an image of a later commit ({there})"
    return newer


def _refuse_conflicts(images: Sequence[Image], states: Mapping[str, State]) -> None:
    lines: list[str] = []
    ours = False
    for image in images:
        state = states.get(image.repository, State())
        for tag in image.fixed:
            there = state.digests.get(tag, image.digest)
            if there != image.digest:
                lines.append(f"{image.repository}:{tag} is {there}, to push: {image.digest}")
        ours = ours or (bool(image.version) and state.digests.get(image.version) == image.digest)
    if lines:
        raise PipelineError(
            "tags.taken",
            f"{len(lines)} {'tags exist' if len(lines) > 1 else 'tag exists'} with another digest",
            details="\n".join(lines),
            hint="release another version: tags of versions and commits are never overwritten",
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
        if tag.startswith(f"claim-{image.version}-")
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
