"""Find the stages and bases that a Dockerfile's text names.

Nothing is decided by them: they are what is requested from BuildKit, or proposed to the user, and BuildKit
reports a stage that does not exist.
"""

from __future__ import annotations

import re

__all__ = ["FROM", "stage", "stages"]

FROM = re.compile(r"^(?P<head>\s*FROM\s+(?:--\S+\s+)*)(?P<reference>\S+)(?P<tail>.*)$", re.IGNORECASE)
_STAGE = re.compile(r"\s+AS\s+(\S+)\s*$", re.IGNORECASE)


def stages(text: str) -> list[str]:
    """List the names of a Dockerfile's stages, as they are written."""
    return [name for line in text.splitlines() if (match := FROM.match(line)) and (name := stage(match))]


def stage(line: re.Match[str]) -> str:
    """Return the name that a line gives to its stage; empty if it gives none."""
    named = _STAGE.search(line["tail"])
    return named[1] if named else ""
