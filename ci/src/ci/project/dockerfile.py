"""Find the stages and bases that a Dockerfile's text names.

Nothing is decided by them: they are what is requested from BuildKit, or proposed to the user, and BuildKit
reports a stage that does not exist.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FROM", "instructions", "stage", "stages"]

FROM = re.compile(r"^(?P<head>\ufeff?\s*FROM\s+(?:--\S+\s+)*)(?P<reference>\S+)(?P<tail>.*)$", re.IGNORECASE)
_STAGE = re.compile(r"\s+AS\s+(\S+)\s*$", re.IGNORECASE)
# A directive has only other directives before it.
_ESCAPE = re.compile(
    r"\ufeff?(?:#[ \t]*\w+[ \t]*=.*\n)*?#[ \t]*escape[ \t]*=[ \t]*(\S)[ \t\r]*$", re.IGNORECASE | re.MULTILINE
)
_HERE_DOCUMENT = re.compile(r"""(?:^|\s)\d*<<(-?)(["']?)([A-Za-z_][\w.-]*)\2(?=[\s|;&>)]|$)""")
_WITH_DOCUMENTS = re.compile(r"\s*(?:ONBUILD\s+)?(?:RUN|COPY|ADD)\s", re.IGNORECASE)


def stages(text: str) -> list[str]:
    """List the names of a Dockerfile's stages, as they are written."""
    found = (FROM.match(line) for _, line in instructions(text))
    return [name for match in found if match and (name := stage(match))]


def instructions(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number and text of each line that begins an instruction.

    Other lines can look like one: `FROM users` of an SQL statement, in a here-document or a continued line.
    """
    escape = found[1] if (found := _ESCAPE.match(text)) else "\\"
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        first = number
        whole, number = _joined(lines, number, escape)
        if not whole:
            continue
        yield first + 1, lines[first]
        if _WITH_DOCUMENTS.match(whole):
            for dash, _, word in _HERE_DOCUMENT.findall(whole):
                number = _after(lines, number, word, tabs=bool(dash))


def _joined(lines: list[str], number: int, escape: str) -> tuple[str, int]:
    """Return an instruction with its continued lines, and the next line; "" for a comment or a blank line."""
    if not lines[number].strip() or lines[number].lstrip().startswith("#"):
        return "", number + 1
    whole = ""
    while number < len(lines):
        line = lines[number].rstrip()
        number += 1
        if whole and (not line or line.lstrip().startswith("#")):
            continue
        whole += line.removesuffix(escape)
        if not line.endswith(escape):
            break
    return whole, number


def _after(lines: list[str], number: int, word: str, *, tabs: bool) -> int:
    """Return the line after a here-document; the same one if nothing ends it."""
    for index in range(number, len(lines)):
        if (lines[index].lstrip("\t") if tabs else lines[index]) == word:
            return index + 1
    return number


def stage(line: re.Match[str]) -> str:
    """Return the name that a line gives to its stage; empty if it gives none."""
    named = _STAGE.search(line["tail"])
    return named[1] if named else ""
