"""Tell whether a .dockerignore keeps the repository's .git folder out of a build."""

from __future__ import annotations

import posixpath

__all__ = ["leaves_out_git"]

_GIT = ".git"
_ALL = ("*", "**")
_WILD = frozenset("*?[\\")


def leaves_out_git(text: str) -> bool:
    """Return whether .git is certainly not in the context: in doubt it is."""
    out = False
    for line in text.removeprefix("\ufeff").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        pattern = line.strip()
        again = pattern.startswith("!")
        first = posixpath.normpath(pattern.removeprefix("!").strip()).lstrip("/").partition("/")[0]
        whole = posixpath.normpath(pattern).lstrip("/").removeprefix("**/")
        if again:
            # Whatever may name .git or something in it brings it back.
            if first == _GIT or _WILD & set(first):
                out = False
        elif whole in (_GIT, *_ALL):
            out = True
    return out
