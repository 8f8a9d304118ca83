"""Which files of its context a Dockerfile can read: a build need not know of a change in others."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ci.dockerfile import expand, mount_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.dockerfile import Dockerfile, Instruction

__all__ = ["readable", "readable_of"]

_ASSIGNMENT = re.compile(r"(\w+)(?:=(\"[^\"]*\"|'[^']*'|\S*))?", re.ASCII)
_REMOTE = re.compile(r"\w+://|git@")
_PATTERN = re.compile(r"[*?\[\\]")


class _NotCertainError(Exception):
    """What a Dockerfile reads cannot be told from its text."""


def readable(dockerfile: Dockerfile, build_arguments: Mapping[str, str], path: str) -> tuple[str, ...] | None:
    """Return the paths of the context that a build can read, with its Dockerfile's, `path`, and ignore files.

    They may be more than it reads, never less; a folder stands for all in it.
    None means the whole context, where that is not certain.
    """
    try:
        found = _read(dockerfile, build_arguments, "")
        if not found:  # the base image may have ONBUILD, which reads what only it knows
            return None
        return tuple(sorted(found | {_inside(path), _inside(f"{path}.dockerignore"), ".dockerignore"}))
    except _NotCertainError:
        return None


def readable_of(dockerfile: Dockerfile, build_arguments: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Return the paths that a build can read of its additional context, with the ignore file; `.` is all."""
    known = {**dockerfile.arguments, **build_arguments}
    if any(expand(stage.base, known).lower() == name for stage in dockerfile.stages):
        return (".",)
    try:
        return tuple(sorted(_read(dockerfile, build_arguments, name) | {".dockerignore"}))
    except _NotCertainError:
        return (".",)


def _read(dockerfile: Dockerfile, build_arguments: Mapping[str, str], name: str) -> set[str]:
    """Return what is read of the additional context of that name; without one, of the context."""
    known = {**dockerfile.arguments, **build_arguments}
    environments: dict[str, dict[str, str]] = {}
    found: set[str] = set()
    for stage in dockerfile.stages:
        environment = dict(environments.get(stage.base.lower(), {}))
        scope = dict(environment)
        for step in stage.instructions:
            if step.keyword == "ENV":
                environment |= _set(step, scope)
            elif step.keyword == "ARG":
                scope |= _declared(step, scope, known, build_arguments)
            scope |= environment
            found.update(_paths(step, scope, name))
        environments[stage.name] = environment
    return found


def _set(step: Instruction, scope: Mapping[str, str]) -> dict[str, str]:
    """Return what an ENV sets, which has two forms."""
    name, _, value = step.text.partition(" ")
    if "=" not in name:
        return {name: expand(value, scope)}
    return {name: expand(_unquoted(value), scope) for name, value in _ASSIGNMENT.findall(step.text)}


def _declared(
    step: Instruction, scope: Mapping[str, str], known: Mapping[str, str], given: Mapping[str, str]
) -> dict[str, str]:
    """Return an ARG's value: the given one, its own default, or that of the file's beginning."""
    return {
        name: known.get(name, "") if name in given or not value else expand(_unquoted(value), scope)
        for name, value in _ASSIGNMENT.findall(step.text)
    }


def _unquoted(text: str) -> str:
    return text.strip("\"'")


def _paths(step: Instruction, scope: Mapping[str, str], name: str) -> Iterator[str]:
    """Yield what one step reads of that context."""
    if step.keyword == "ONBUILD":
        raise _NotCertainError
    if step.keyword == "RUN":
        for source in _mounted(step.text, name):
            yield _inside(_known(source, scope))
    if step.keyword not in ("COPY", "ADD"):
        return
    words = step.text.split()
    flags = [word for word in words if word.startswith("--")]
    if next((flag.partition("=")[2] for flag in flags if flag.startswith("--from")), "").lower() != name:
        return
    rest = " ".join(word for word in words if not word.startswith("--"))
    for source in _sources(rest):
        if not source.startswith("<<") and not (step.keyword == "ADD" and _REMOTE.match(source)):
            yield _inside(_known(source, scope))


def _mounted(text: str, name: str) -> Iterator[str]:
    """Yield what a RUN mounts of that context; without a source it is all."""
    for mount in re.findall(r"--mount=(\S+)", text):
        options = mount_options(mount)
        reads = name or options.get("type", "bind") == "bind"
        if reads and options.get("from", "").lower() == name:
            yield options.get("source", options.get("src", ""))


def _sources(text: str) -> list[str]:
    """Return all words but the last, which is the target."""
    if not text.startswith("["):
        return text.split()[:-1]
    try:
        words = json.loads(text)
    except ValueError:
        raise _NotCertainError from None
    return [str(word) for word in words[:-1]]


def _known(text: str, scope: Mapping[str, str]) -> str:
    """Return a path with its variables' values."""
    names = re.findall(r"\$\{?(\w+)", text)
    expanded = expand(text, scope)
    if any(name not in scope for name in names) or "$" in expanded or '"' in expanded or "'" in expanded:
        raise _NotCertainError
    return expanded


def _inside(path: str) -> str:
    """Return a path from the context's root, up to the first part that is a pattern."""
    parts: list[str] = []
    for part in PurePosixPath(path.lstrip("/")).parts:
        if part == "..":
            raise _NotCertainError
        if _PATTERN.search(part):
            break
        parts.append(part)
    if not parts:
        raise _NotCertainError
    return "/".join(parts)
