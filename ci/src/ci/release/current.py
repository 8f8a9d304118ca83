"""Find what is released now, by the version tags of a repository."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ci import table
from ci.errors import PipelineError
from ci.release import versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.release.history import History

__all__ = ["FORMATS", "Current", "current", "render"]

FORMATS = ("table", "json")


@dataclass(frozen=True)
class Current:
    """The tag of a release, its version, and its service; the service is empty if it is of all services."""

    tag: str
    version: str
    service: str = ""


def current(history: History, services: Sequence[str]) -> tuple[Current, ...]:
    """Return the last release of all services, and of each service that has a later one of its own.

    Versions are compared, as for `latest` in a registry: a patch of an older line that was tagged yesterday
    is not the last release. Candidates, and tags of anything but these services, are no releases.
    """
    if history.shallow:
        raise PipelineError(
            "release.history-shallow",
            "--history: the clone is shallow, so tags may be missing and the last release unknown",
            hint="fetch everything: git fetch --unshallow --tags (actions/checkout: fetch-depth: 0)",
        )
    last: dict[str, str] = {}
    for tag in sorted(history.tags):
        service, _, version = tag.rpartition("/")
        known = not service or service in services
        if known and versions.is_release(version) and _is_newer(version, last.get(service, "")):
            last[service] = tag
    common = last.get("", "")
    if not last:
        raise PipelineError(
            "release.none-yet",
            "--history: no tag is a version, so nothing is released",
            hint="tag a release as v1.2.3, or fetch its tag (actions/checkout: fetch-depth: 0)",
        )
    return tuple(
        Current(tag, tag.rpartition("/")[2].removeprefix("v"), service)
        for service, tag in sorted(last.items())
        if not service or _is_newer(tag.rpartition("/")[2], common)
    )


def render(releases: Sequence[Current], form: str) -> str:
    """Format the releases as a table, or as JSON on one line, as a workflow's matrix takes it."""
    if form not in FORMATS:
        raise PipelineError(
            "release.unknown-format",
            f"--format {form}: there is no such format",
            hint=f"choose from {', '.join(FORMATS)}",
        )
    if form == "json":
        return json.dumps([asdict(each) for each in releases], separators=(",", ":"))
    rows = [[each.service or "all", each.version, each.tag] for each in releases]
    return table.text(["service", "version", "tag"], rows)


def _is_newer(version: str, tag: str) -> bool:
    return not tag or versions.numbers(version) > versions.numbers(tag.rpartition("/")[2])
