"""The files of the project that a build can read, so that a change of another file builds nothing again.

BuildKit decides by .dockerignore which files of a context it reads. Dagger filters folders with the same
library, and BuildKit applies the file again to what is left, so a file too many only costs time. If it is
uncertain what a build reads, it gets the whole project.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import dagger

from ci import parallel
from ci.errors import PipelineError
from ci.sandbox.epoch import EPOCH
from ci.sandbox.place import PROJECT
from ci.workspace import literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ci.listing import Listing
    from ci.workspace import Workspace

__all__ = ["Readable", "check_patterns", "patterns", "readable", "visible", "with_constant_times"]

# The keys of a target in a Bake file that can name files, besides its contexts and its Dockerfile.
_WITH_PATHS = ("secret", "ssh", "cache-from", "cache-to", "output")
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|target:|git@", re.IGNORECASE)
_PATH_FIELDS = frozenset({"src", "source", "dest"})
_QUERIES = 16


@dataclass(frozen=True)
class Readable:
    """What builds can read, by paths in the project.

    `contexts` are pairs of a context and its Dockerfile, which is "" if it is written in the compose file.
    `others` are files and folders that are read whole.
    """

    contexts: frozenset[tuple[str, str]]
    others: frozenset[str]


def readable(targets: Iterable[Mapping[str, Any]]) -> Readable | None:
    """Collect what the targets of a Bake file can read; none if that may be everything."""
    contexts: set[tuple[str, str]] = set()
    others: set[str] = set()
    for target in targets:
        root = target.get("context") or PROJECT
        if root.startswith("/"):
            dockerfile = posixpath.join(root, target.get("dockerfile") or "Dockerfile")
            named = "" if target.get("dockerfile-inline") else _inside(dockerfile)
            contexts.add((_inside(root), named))
        elif not _REMOTE.match(root):
            return None
        folders = map(_folder, (target.get("contexts") or {}).values())
        for found in (*folders, *map(_paths, _texts([target.get(key) for key in _WITH_PATHS]))):
            if found is None:
                return None
            others |= found
    every = {*others, *itertools.chain.from_iterable(contexts)}
    if "." in others or any(path.startswith("..") for path in every):
        return None
    return Readable(frozenset(contexts), frozenset(others))


def patterns(text: str) -> list[str]:
    """Read a .dockerignore as github.com/moby/patternmatcher/ignorefile does."""
    found = []
    for line in text.removeprefix("\ufeff").split("\n"):
        pattern = line.strip()
        if line.startswith("#") or not pattern:
            continue
        again = pattern.startswith("!")
        pattern = pattern.removeprefix("!").strip()
        if pattern:
            # Python's normpath keeps two slashes at the beginning, Go's path.Clean does not.
            pattern = posixpath.normpath(re.sub("^/+", "/", pattern))
            pattern = pattern.removeprefix("/") or pattern
        found.append(f"!{pattern}" if again else pattern)
    return found


async def visible(workspace: Workspace, targets: Iterable[Mapping[str, Any]]) -> dagger.Directory:
    """Return the project with the files that these targets can read."""
    found, part = readable(targets), None
    try:
        part = await _part(workspace, found) if found else None
    except* dagger.QueryError:
        pass  # a pattern that is wrong, or a file in place of a folder: BuildKit reports it
    return part or workspace.context


def with_constant_times(context: dagger.Directory) -> dagger.Directory:
    """Give Python's sources the time that they have in the image.

    A step that imports a module notes that time in the compiled file, which Python ignores if it differs.
    """
    return context.with_directory(".", context.filter(include=["**/*.py"]).with_timestamps(EPOCH))


async def check_patterns(workspace: Workspace, targets: Iterable[Mapping[str, Any]]) -> None:
    """Raise for an invalid pattern of an ignore file, because BuildKit's own error does not name it."""
    whole, found = workspace.context, readable(targets)
    for root, dockerfile in sorted(found.contexts) if found else ():
        ignore = await _ignore_file(workspace.listing, root, dockerfile)
        for pattern in patterns(await whole.file(ignore).contents()) if ignore else ():
            try:
                await whole.filter(exclude=[pattern]).sync()
            except dagger.QueryError as error:
                raise PipelineError(
                    "build.ignore-pattern-invalid",
                    f"{ignore}: '{pattern}' is not a valid pattern",
                    hint=r"close each [ with a ], or write \[ for the character itself",
                ) from error


async def _part(workspace: Workspace, found: Readable) -> dagger.Directory | None:
    whole, pairs = workspace.context, sorted(found.contexts)
    jobs = {f"{root}:{file}": partial(_ignore_file, workspace.listing, root, file) for root, file in pairs}
    files = await parallel.run(jobs, limit=_QUERIES)
    ignoring = [(root, ignore) for (root, _), ignore in zip(pairs, files.values(), strict=True)]
    plain = {root for root, ignore in ignoring if not ignore}
    if "." in plain:
        return None
    named = {*found.others, *(file for _, file in pairs if file), *(file for _, file in ignoring if file)}
    part = whole.filter(include=[literal(path) for path in sorted(plain | named)])
    for root, ignore in sorted(set(ignoring)):
        if ignore:
            excluded = patterns(await whole.file(ignore).contents())
            part = part.with_directory(root, whole.directory(root).filter(exclude=excluded))
    return part if await _complete(part, {root for root, _ in pairs}, named) else None


async def _complete(part: dagger.Directory, roots: set[str], named: set[str]) -> bool:
    """Test whether all that is named is there.

    What is not may be missing in the project as well, or be reached through a link. Then BuildKit gets the
    whole project, and reports what is wrong with it.
    """
    folder = dagger.ExistsType.DIRECTORY_TYPE
    jobs = {f"{root}/": partial(part.exists, root, expected_type=folder) for root in roots}
    jobs |= {path: partial(part.exists, path) for path in named}
    return all((await parallel.run(jobs, limit=_QUERIES)).values())


async def _ignore_file(listing: Listing, root: str, dockerfile: str) -> str:
    """Return the path of the file that BuildKit reads for a context; a Dockerfile's own comes first."""
    own = [f"{dockerfile}.dockerignore"] if dockerfile else []
    for path in (*own, posixpath.normpath(f"{root}/.dockerignore")):
        if await listing.has(path):
            return path
    return ""


def _inside(path: str) -> str:
    return posixpath.relpath(posixpath.normpath(path), PROJECT)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - a value of JSON
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts([f"{key}={item}" if isinstance(item, str) else item for key, item in value.items()])
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _folder(context: str) -> set[str] | None:
    """Return the path of a named context; nothing if it is elsewhere, None if that is uncertain."""
    if context.startswith("/"):
        return {_inside(context)}
    return set() if _REMOTE.match(context) and PROJECT not in context else None


def _paths(text: str) -> set[str] | None:
    """Return the paths that a text names: a path, or fields such as `id=key,src=/project/key`.

    None stands for a text that may name any path.
    """
    found = set()
    for each in text.split(","):
        key, equals, value = each.partition("=")
        path = value if equals else key
        if path.startswith(f"{PROJECT}/"):
            found.add(_inside(path))
        elif '"' in each or path.startswith(("/", ".")) or key in _PATH_FIELDS or each == "type=local":
            return None
    return found
