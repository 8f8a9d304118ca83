"""Read what `doctor` and `init` have to know of a project."""

from __future__ import annotations

import posixpath
from functools import partial
from typing import TYPE_CHECKING

import dagger

from ci import parallel
from ci.errors import PipelineError
from ci.onboarding import pins
from ci.onboarding.files import WORKFLOW
from ci.onboarding.project import Known
from ci.project.load import COMPOSE_FILES
from ci.project.policy import OWN_FILE, PYPROJECT
from ci.testing import discover

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from ci.listing import Listing
    from ci.project.model import ComposeModel
    from ci.project.policy import Policy

__all__ = ["gather"]

_AT_ONCE = 16


async def gather(  # noqa: PLR0913 - what a project is known by
    source: Listing,
    compose: ComposeModel,
    policy: Policy,
    *,
    named: Sequence[str],
    left_out: Mapping[str, str],
    resolve: Callable[[set[str]], Awaitable[dict[str, str]]],
    replaced: Callable[[str], bool],
) -> Known:
    """Read the files that matter.

    `named` are the compose files. `resolve` finds digests of references, and `replaced` tells whether the
    images map has another image for one.
    """
    composed = {posixpath.normpath(posixpath.join(compose.folder, each)) for each in named or COMPOSE_FILES}
    builds = [each.build for each in compose.built.values() if each.build and not each.build.remote]
    dockerfiles = {
        posixpath.normpath(posixpath.join(each.context, each.dockerfile))
        for each in builds
        if not each.inline
    }
    ignored = {posixpath.normpath(posixpath.join(each.context, ".dockerignore")) for each in builds}
    ignored |= {f"{path}.dockerignore" for path in dockerfiles}
    others = {PYPROJECT, OWN_FILE, "uv.lock", policy.version, WORKFLOW}
    texts = await _texts(source.source, composed | dockerfiles | ignored | others)
    built = {each.image for each in compose.built.values() if each.image}
    unpinned = [each for path in composed & texts.keys() for each in pins.compose(path, texts[path], built)]
    pulled = {n: s.image for n, s in compose.services.items() if s.image not in {*built, ""} and not s.build}
    unpinned += pins.elsewhere(pulled, unpinned)
    unpinned += [each for path in dockerfiles & texts.keys() for each in pins.dockerfile(path, texts[path])]
    has_suite, obstacle = await _suite(source, policy)
    return Known(
        compose=compose,
        policy=policy,
        texts=texts,
        found=await discover.discover(source, policy, compose.services.values()),
        left_out=left_out,
        unpinned=tuple(sorted(unpinned, key=lambda each: (each.file, each.line))),
        digests=await resolve({each.reference for each in unpinned if not each.obstacle}),
        replaced=frozenset(
            each.reference for each in unpinned if not each.obstacle and replaced(each.reference)
        ),
        has_suite=has_suite,
        suite_obstacle=obstacle,
    )


async def _texts(source: dagger.Directory, paths: set[str]) -> dict[str, str]:
    async def one(path: str) -> str | None:
        if not await source.exists(path, expected_type=dagger.ExistsType.REGULAR_TYPE):
            return None
        return await source.file(path).contents()

    inside = sorted(path for path in paths if not path.startswith(("/", "..")))
    found = await parallel.run({path: partial(one, path) for path in inside}, limit=_AT_ONCE)
    return {path: text for path, text in found.items() if text is not None}


async def _suite(source: Listing, policy: Policy) -> tuple[bool, str]:
    """Return whether there is an integration suite, and why it could not run."""
    folder = policy.integration
    if not folder:
        return False, ""
    there = await source.has_folder(folder)
    try:
        await discover.suite(source, folder, policy)
    except PipelineError as error:
        return there, error.what
    return there, ""
