"""Put the tags of a set that is complete, in order, until the registry is as wanted."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ci.container_scripts.registry.pool import each
from ci.errors import PipelineError
from ci.registry.digests import digest_of
from ci.registry.retrying import say
from ci.release import plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.registry.client import Client
    from ci.release.history import History

__all__ = ["read", "settle"]

_CREATED = "org.opencontainers.image.created"
_REVISION = "org.opencontainers.image.revision"
# Put, look; a release beside this one may ask for a second time, hardly for a third.
_ROUNDS = 4


def read(
    client: Client, images: Sequence[plan.Image], *, limit: int, first: bool = False
) -> dict[str, plan.State]:
    """Read what the repositories of a set hold.

    `first` is before anything is pushed: a registry that does not let a repository be read that does not
    exist is then taken to hold nothing. It is read again before tags are put.
    """

    def one(image: plan.Image) -> plan.State:
        existing: tuple[str, ...] | None = ()
        if image.version:
            existing = client.tags_if_readable(image.repository) if first else client.tags(image.repository)
        if existing is None:
            say(f"{image.repository} cannot be read yet; it may not exist before the first push")
            return plan.State()
        state = plan.State(existing)
        for tag in plan.wanted(image, existing):
            state = _with(client, image, tag, state, first=first)
        for shorter, tag in itertools.pairwise(plan.commit_tags(image)):
            # Asked for only where another commit has the same digits.
            if plan.is_taken(image, shorter, state) and tag not in state.digests:
                state = _with(client, image, tag, state, first=first)
        return state

    states = each(images, one, limit=limit)
    return {image.repository: state for image, state in zip(images, states, strict=True)}


def _with(client: Client, image: plan.Image, tag: str, state: plan.State, *, first: bool) -> plan.State:
    """Return the state with what one tag points to."""
    reference = f"{image.repository}:{tag}"
    content = client.manifest_if_readable(reference) if first else client.manifest(reference)
    if content is None:
        return state
    manifest: dict[str, Any] = json.loads(content)
    annotations = manifest.get("annotations") or {}
    return replace(
        state,
        digests={**state.digests, tag: digest_of(content)},
        created={**state.created, tag: str(annotations.get(_CREATED, ""))},
        revisions={**state.revisions, tag: str(annotations.get(_REVISION, ""))},
        blobs=state.blobs | _blobs(manifest),
    )


def settle(  # noqa: PLR0913 - all by name but the first four
    client: Client,
    images: Sequence[plan.Image],
    states: Mapping[str, plan.State],
    manifests: Mapping[str, bytes],
    *,
    history: History,
    limit: int,
) -> plan.Plan:
    """Put the tags, and look again until nothing is left to do; return the last look.

    `states` are what was read before the upload, `manifests` the images' bytes by digest.
    """
    put: list[plan.TagUpdate] = []
    _claim(client, images, states, manifests, limit)
    for _ in range(_ROUNDS):
        todo = plan.make(images, read(client, images, limit=limit), history=history)
        if not todo.rounds:
            return todo
        for moves in todo.rounds:
            try:
                each(moves, lambda move: _put(client, move, manifests), limit=limit)
            except PipelineError as error:
                raise _interrupted(error, put, todo) from error
            put.extend(moves)
            say("tagged " + ", ".join(f"{move.service}:{move.tag}" for move in moves))
    raise PipelineError(
        "registry.tags-contended",
        "another release keeps moving the same tags",
        hint="let releases of these services run one after the other, then run this again",
    )


def _claim(
    client: Client,
    images: Sequence[plan.Image],
    states: Mapping[str, plan.State],
    manifests: Mapping[str, bytes],
    limit: int,
) -> None:
    def one(image: plan.Image) -> None:
        existing = states[image.repository].tags
        if plan.claim(image) not in existing and image.version not in existing:
            client.put_manifest(f"{image.repository}:{plan.claim(image)}", manifests[image.digest])

    each([image for image in images if image.version], one, limit=limit)


def _put(client: Client, move: plan.TagUpdate, manifests: Mapping[str, bytes]) -> None:
    content = manifests.get(move.digest)
    if move.source:
        content = client.manifest(f"{move.repository}:{move.source}")
    if content is None:
        raise PipelineError(
            "registry.tagged-image-gone",
            f"{move.repository}:{move.source or move.digest} is gone",
            hint="run this again",
        )
    client.put_manifest(f"{move.repository}:{move.tag}", content)


def _interrupted(error: PipelineError, put: Sequence[plan.TagUpdate], todo: plan.Plan) -> PipelineError:
    done = {(move.repository, move.tag) for move in put}
    left = [move for move in todo.moves if (move.repository, move.tag) not in done]
    return PipelineError(
        "registry.tagging-interrupted",
        f"tagging was interrupted ({error.code}): {error.what}",
        details="\n".join(
            part
            for part in (
                error.details,
                "tagged: " + (", ".join(f"{move.service}:{move.tag}" for move in put) or "nothing"),
                "left or not known: " + ", ".join(f"{move.service}:{move.tag}" for move in left),
                "every image of the set is complete under its digest, so each tag points to a whole set",
            )
            if part
        ),
        hint=f"{error.hint}; the same command continues from here",
    )


def _blobs(manifest: Mapping[str, Any]) -> set[str]:
    """Return the digests of an image's config and layers; an index has none."""
    return {item["digest"] for item in (manifest.get("config"), *manifest.get("layers", ())) if item}
