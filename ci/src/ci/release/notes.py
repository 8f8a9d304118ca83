"""What is new in a release, from the commits since the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.errors import PipelineError

if TYPE_CHECKING:
    from ci.release.manifest import Release

__all__ = ["LOG_FORMAT", "notes"]

# What `git log --format=` must be given: the commit and its subject on one line.
LOG_FORMAT = "%H %s"
_REVISION = 40
_SHORT = 7


def notes(release: Release, log: str, *, source: str = "") -> str:
    """Return the notes as Markdown: the changes newest first, then each image by digest.

    `log` is the output of `git log --no-merges --format='%H %s' LAST_TAG..TAG`,
    `source` the repository's web address for links, if it has one.
    """
    lines = [f"# {release.version or release.ref}", ""]
    for number, line in enumerate(log.splitlines(), start=1):
        revision, _, subject = line.partition(" ")
        if len(revision) != _REVISION or not subject:
            raise PipelineError(
                "release.log-invalid",
                f"the log of commits, line {number}: '{line}' is no commit and subject",
                hint=f"give the output of git log --no-merges --format='{LOG_FORMAT}' LAST_TAG..TAG",
            )
        short = revision[:_SHORT]
        link = f"[{short}]({source}/commit/{revision})" if source else short
        lines.append(f"- {_plain(subject)} ({link})")
    if not log.strip():
        lines.append("No commits since the last release.")
    lines += ["", "| image | digest |", "| --- | --- |"]
    lines += [f"| {image.service} | `{image.reference}` |" for image in release.images]
    return "\n".join(lines) + "\n"


def _plain(subject: str) -> str:
    """Return a subject that Markdown shows as it is: neither a mention, nor a link, nor HTML."""
    for character in "\\`*_[]<>@#|":
        subject = subject.replace(character, f"\\{character}")
    return subject
