"""Pin the literal image references of compose files and Dockerfiles by digest; the tag stays readable."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.project.dockerfile import FROM, instructions, stage
from ci.references import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Unpinned", "compose", "dockerfile", "elsewhere", "pinned"]

# A key of a block, or of a map in braces, with or without an anchor; nothing in a comment.
_IMAGE = re.compile(r"""(?:^|[\s{,])image:\s*(?:&\S+\s+)?["']?(?P<reference>(?:\$\{[^}]*\}|[^\s"'#,{}])+)""")
_VARIABLE = re.compile(r"\$\{[^}]*\}|\$\w+")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_COPY = re.compile(
    r"^(?P<head>\s*COPY\s+(?:--\S+\s+)*?--from=)(?P<reference>\S+)(?P<tail>.*)$", re.IGNORECASE
)


@dataclass(frozen=True)
class Unpinned:
    """A reference without a digest: its file and line, and why it cannot be pinned, if so."""

    file: str
    line: int
    column: int
    reference: str
    obstacle: str = ""

    @property
    def place(self) -> str:
        """The file and the line, as editors open it; the key if the file is not known."""
        return f"{self.file}:{self.line}" if self.line else self.file


def compose(file: str, text: str, built: set[str]) -> list[Unpinned]:
    """Return the references of a compose file; `built` are images that the project itself builds."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for match in _IMAGE.finditer(_COMMENT.sub("", line)):
            if not any(_may_be(match["reference"], image) for image in built):
                found += _unpinned(file, number, match)
    return _changeable(text, found)


def elsewhere(images: Mapping[str, str], found: list[Unpinned]) -> list[Unpinned]:
    """Return the images of services that none of the references is: of other files, or of a YAML anchor."""
    obstacle = "it comes from another file or from an anchor: add the digest there"
    return [
        Unpinned(f"services.{name}.image", 0, 0, image, obstacle)
        for name, image in images.items()
        if not any(each.reference == image or _may_be(each.reference, image) for each in found)
        and _is_unpinned(image)
    ]


def _is_unpinned(image: str) -> bool:
    try:
        return not parse(image, where="image").pinned
    except PipelineError:
        return False


def dockerfile(file: str, text: str) -> list[Unpinned]:
    """Return the references of a Dockerfile that are no stages of it."""
    stages: set[str] = set()
    found = []
    for number, line in instructions(text):
        match = FROM.match(line) or _COPY.match(line)
        if not match:
            continue
        name = match["reference"]
        if name.lower() not in stages and name != "scratch" and not name.isdigit():
            found += _unpinned(file, number, match)
        if named := stage(match):
            stages.add(named.lower())
    return _changeable(text, found)


def _changeable(text: str, found: list[Unpinned]) -> list[Unpinned]:
    """Leave a file to the user that is not UTF-8, because Dagger replaces its other bytes."""
    if "\ufffd" not in text:
        return found
    return [replace(each, obstacle=each.obstacle or "its file is not in UTF-8") for each in found]


def pinned(text: str, wanted: list[Unpinned], digests: Mapping[str, str]) -> str:
    """Add the digests to a file's text; a reference without one stays as it is."""
    lines = text.splitlines(keepends=True)
    for each in sorted(wanted, key=lambda each: each.column, reverse=True):
        digest = digests.get(each.reference)
        if digest and not each.obstacle:
            old = lines[each.line - 1]
            # The tag stays in the reference. Docker ignores it then, and updaters such as Dependabot read it.
            end = each.column + len(each.reference)
            lines[each.line - 1] = f"{old[: each.column]}{_tagged(each.reference)}@{digest}{old[end:]}"
    return "".join(lines)


def _may_be(reference: str, image: str) -> bool:
    """Return whether a reference, which may contain variables, can be this image."""
    literal = _VARIABLE.split(reference)
    if not any(re.search(r"\w", part) for part in literal):
        return False
    return bool(re.fullmatch(".*".join(map(re.escape, literal)), image))


def _tagged(reference: str) -> str:
    named = parse(reference, where="image")
    return reference if named.tag else f"{reference}:latest"


def _unpinned(file: str, line: int, match: re.Match[str]) -> list[Unpinned]:
    column, reference = match.start("reference"), match["reference"]
    if "$" in reference:
        obstacle = "it contains a variable: pin the variable's default"
        return [Unpinned(file, line, column, reference, obstacle)]
    try:
        named = parse(reference, where=file)
    except PipelineError:
        return []  # a build context of another kind, or a mistake that Compose or BuildKit reports
    return [] if named.pinned else [Unpinned(file, line, column, reference)]
