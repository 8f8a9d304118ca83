"""Write the notes of a release, from the commits since the one before it. They never make it fail."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.release.history import Commit, History
    from ci.release.manifest import Release

__all__ = ["notes"]

_SHORT = 7
# GitHub takes 125,000 characters of a release's text, GitLab 1,000,000.
_LONGEST = 100_000
_WITHOUT_SUBJECT = "(no subject)"


def notes(release: Release, history: History, *, source: str = "") -> str:
    """Return the notes as Markdown: the changes newest first, then each image by digest.

    `source` is the repository's web address for links, if it has one.
    """
    tag = release.ref.removeprefix("refs/tags/")
    base = history.base(tag)
    table = ["", "| image | digest |", "| --- | --- |"]
    table += [f"| {image.service} | `{image.reference}` |" for image in release.images]
    lines = [f"# {release.version or tag}", "", *_changes(history, base, tag, source), *table]
    return "\n".join(lines) + "\n"


def _changes(history: History, base: str, tag: str, source: str) -> list[str]:
    if not history.commits:
        return ["The changes are not listed: no history was given."]
    commits = history.since(base, tag)
    since = f"since {base}" if base else "since the beginning"
    lines = _listed(commits, source)
    left = len(commits) - len(lines)
    if not commits:
        lines = [f"No commits {since}."]
    if left:
        all_of_them = f"{source}/compare/{base}...{tag}" if base else f"{source}/commits/{tag}"
        lines.append(f"- and {left} more" + (f": [all of them]({all_of_them})" if source else ""))
    if history.shallow:
        lines.append(f"- The clone is shallow: older commits {since} are not listed.")
    return lines


def _listed(commits: Sequence[Commit], source: str) -> list[str]:
    """Return a line for each commit, up to what fits."""
    lines: list[str] = []
    length = 0
    for commit in commits:
        short = commit.revision[:_SHORT]
        link = f"[{short}]({source}/commit/{commit.revision})" if source else short
        line = f"- {_plain(commit.subject) or _WITHOUT_SUBJECT} ({link})"
        length += len(line) + 1
        if length > _LONGEST:
            break
        lines.append(line)
    return lines


def _plain(subject: str) -> str:
    """Return a subject that Markdown shows as it is: neither a mention, nor a link, nor HTML, on one line."""
    # Separators of lines and control characters are of categories C and Z; a space is all that they may be.
    subject = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in subject)
    subject = " ".join(subject.split())
    for character in "\\`*_[]<>@#|":
        subject = subject.replace(character, f"\\{character}")
    return subject
