"""A repository's commits and tags, as git prints them: ancestry, and what is new since a release.

`container_scripts/git_log.sh` writes what is read here. git ends a line with a newline and nothing else,
and a record with NUL; a subject may have any other character, or none at all.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ci.release import versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Commit", "History", "read"]

_TAGS = "refs/tags/"


@dataclass(frozen=True)
class Commit:
    """One commit: its id, its parents' and its subject."""

    revision: str
    parents: tuple[str, ...]
    subject: str = ""


@dataclass(frozen=True)
class History:
    """Commits by id, the newest first, and tags with the commits that they are on; both may be empty.

    `shallow` is whether older commits are missing.
    """

    commits: Mapping[str, Commit] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    shallow: bool = False

    def ancestors(self, revision: str) -> set[str]:
        """Return a commit and all that come before it, as far as they are known."""
        found: set[str] = set()
        waiting = deque([revision])
        while waiting:
            current = waiting.popleft()
            if current not in found and current in self.commits:
                found.add(current)
                waiting.extend(self.commits[current].parents)
        return found

    def is_later(self, revision: str, than: str) -> bool | None:
        """Tell whether a commit comes after another one; none if neither does, or one is not known."""
        if revision not in self.commits or than not in self.commits:
            return None
        if revision == than or revision in self.ancestors(than):
            return False
        return True if than in self.ancestors(revision) else None

    def base(self, tag: str) -> str:
        """Return the tag that a release's notes begin at, empty if it is the first.

        That is the newest version that the commit comes after: of a release the last release, so that the
        notes include those of its candidates; of a candidate the last candidate or release. `SERVICE/v1.2.3`
        looks at the tags of its service first, and at those of all services if there is none.
        """
        service, _, version = tag.rpartition("/")
        match = versions.SEMVER.fullmatch(version)
        commit = self.tags.get(tag, "")
        if match is None or commit not in self.commits:
            return ""
        before = self.ancestors(commit)
        for group in dict.fromkeys((service, "")):
            found = [
                (_rank(name), each)
                for each, on in self.tags.items()
                if (name := _version_of(each, group)) and each != tag and on in before
                # A candidate is compared with candidates too, a release with releases alone.
                if match["pre"] or versions.is_release(name)
                # The versions of a service and of all services are counted apart.
                if group != service or _rank(name) < _rank(version)
            ]
            if found:
                return max(found)[1]
        return ""

    def since(self, base: str, tag: str) -> tuple[Commit, ...]:
        """Return the commits that are new in a tag, the newest first, without merges."""
        known = self.ancestors(self.tags[base]) if base else set()
        new = self.ancestors(self.tags.get(tag, "")) - known
        return tuple(
            commit for commit in self.commits.values() if commit.revision in new and len(commit.parents) <= 1
        )


def read(log: str, references: str, *, shallow: bool = False) -> History:
    """Read what git_log.sh wrote: records of `%H%n%P%n%s`, and lines of a tag and its objects."""
    commits = {commit.revision: commit for commit in _commits(log.split("\0"))}
    tags: dict[str, str] = {}
    for line in references.split("\n"):
        name, _, objects = line.partition(" ")
        if name.startswith(_TAGS):
            # An annotated tag is an object of its own; the commit that it is on comes second.
            tags[name.removeprefix(_TAGS)] = objects.split()[-1]
    return History(commits, tags, shallow)


def _commits(records: Iterable[str]) -> Iterable[Commit]:
    for record in records:
        revision, _, rest = record.partition("\n")
        parents, _, subject = rest.partition("\n")
        if revision:
            yield Commit(revision, tuple(parents.split()), subject)


def _version_of(tag: str, service: str) -> str:
    """Return the version in a tag of a service, or of all services; empty for any other tag."""
    group, _, version = tag.rpartition("/")
    return version if group == service and versions.SEMVER.fullmatch(version) else ""


def _rank(version: str) -> tuple[tuple[int, int, int], bool, tuple[tuple[int, int, str], ...]]:
    """Return a sort key in the order of semver.org."""
    match = versions.SEMVER.fullmatch(version)
    pre = match["pre"] if match else None
    parts = tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in (pre.split(".") if pre else ())
    )
    return versions.numbers(version), not pre, parts
