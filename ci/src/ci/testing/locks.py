"""Convert the locks of Poetry and PDM to requirements with hashes, which uv installs."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["groups", "requirements"]

_MAIN = {"main", "default"}


def groups(text: str, *, where: str) -> set[str]:
    """Return the groups that a lock's packages belong to; empty for locks that record none."""
    return {group for package in _packages(text, where) for group in package.get("groups") or ()} - _MAIN


def requirements(text: str, group: str, *, where: str) -> str:
    """Return the packages of a group, each with its version, marker and hashes.

    The main dependencies are included, because the lock does not record which of them the group needs.
    Locks of Poetry 1 record no groups, so all their packages are included.
    """
    lines = []
    for package in _packages(text, where):
        belongs = set(package.get("groups") or (group,))
        if not belongs & {group, *_MAIN}:
            continue
        if package.get("source", {}).get("type") in ("directory", "git", "file", "url") or "path" in package:
            continue  # the project's own packages, which are in the image
        marker = _marker(package, group)
        hashes = "".join(f" --hash={each}" for each in _hashes(package))
        if not hashes:
            raise PipelineError(
                "test.lock-without-hashes",
                f"{where}: {package['name']} {package['version']} has no hash",
                hint="lock it again with a current version of the tool that wrote it",
            )
        lines.append(f"{package['name']}=={package['version']}{marker}{hashes}\n")
    return "".join(lines)


def _packages(text: str, where: str) -> list[dict[str, Any]]:
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = "lock it again with the tool that wrote it"
        raise PipelineError("test.lock-unreadable", f"{where}: {error}", hint=hint) from error
    return list(data.get("package") or ())


def _marker(package: dict[str, Any], group: str) -> str:
    """Return the environment marker, which Poetry writes for each group if they differ."""
    found = package.get("markers") or package.get("marker") or ""
    if isinstance(found, dict):
        found = found.get(group) or found.get("main") or ""
    return f" ; {found}" if found else ""


def _hashes(package: dict[str, Any]) -> Iterator[str]:
    for file in package.get("files") or ():
        if "hash" in file:
            yield str(file["hash"])
