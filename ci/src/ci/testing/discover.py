"""Read from the source what decides how each service is tested."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ci import parallel
from ci.testing import convention

if TYPE_CHECKING:
    from collections.abc import Iterable

    import dagger

    from ci.listing import Listing
    from ci.project.model import Service
    from ci.project.policy import Policy

__all__ = ["discover", "suite"]

_AT_ONCE = 16
_READ = (
    "pyproject.toml",
    "poetry.lock",
    "pdm.lock",
    "pytest.ini",
    "tox.ini",
    "setup.cfg",
    "requirements.txt",
)


async def discover(
    listing: Listing, policy: Policy, services: Iterable[Service]
) -> dict[str, convention.Found]:
    """Find how each service is tested."""
    built = [service for service in services if service.build]
    places = {place for service in built for place in convention.folders(service)}
    places |= {posixpath.dirname(policy.tests.format(folder=convention.folders(each)[0])) for each in built}
    dockerfiles = {
        posixpath.normpath(posixpath.join(each.build.context, each.build.dockerfile))
        for each in built
        if each.build and not each.build.remote and not each.build.inline
    }
    tree = await _tree(listing, {posixpath.normpath(place or ".") for place in places}, dockerfiles)
    tests = {convention.tests_of(service, policy, tree) for service in built}
    tree = replace(tree, python=await _python(listing.source, tests))
    return {service.name: convention.decide(service, policy, tree) for service in built}


async def _python(source: dagger.Directory, folders: set[str]) -> frozenset[str]:
    """Return the folders that contain Python files, at any depth."""
    patterns = {folder: f"{folder}/**/*.py" for folder in sorted(folders - {""})}
    found = await parallel.run({f: partial(source.glob, p) for f, p in patterns.items()}, limit=_AT_ONCE)
    return frozenset(folder for folder, paths in found.items() if paths)


async def suite(listing: Listing, folder: str, policy: Policy) -> convention.Found:
    """Find where the dependencies of the integration suite come from."""
    return convention.suite(folder, policy, await _tree(listing, {".", posixpath.normpath(folder)}, set()))


async def _tree(listing: Listing, places: set[str], files: set[str]) -> convention.Tree:
    wanted = places | {
        posixpath.dirname(file) or "." for file in files
    }  # Dockerfiles can have their own folder
    names = await _names(listing, wanted)
    further = {
        posixpath.normpath(posixpath.join(p, "requirements")) for p in names if "requirements/" in names[p]
    }
    names |= await _names(listing, further)
    tree = convention.Tree(names)
    read = {posixpath.normpath(posixpath.join(place, name)) for place in names for name in _READ}
    there = sorted(path for path in read | files if tree.has(path))
    texts = await parallel.run({path: listing.source.file(path).contents for path in there}, limit=_AT_ONCE)
    return convention.Tree(names, texts)


async def _names(listing: Listing, places: set[str]) -> dict[str, frozenset[str]]:
    """List the folders that exist in the source."""
    inside = sorted(place for place in places if not place.startswith(("/", "..")))
    return await parallel.run({place: partial(listing.names, place) for place in inside}, limit=_AT_ONCE)
