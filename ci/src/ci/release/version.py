"""A release's tag and the project's version file must say the same."""

from __future__ import annotations

import re
import tomllib

from ci.errors import PipelineError

__all__ = ["check", "read"]

# How PEP 440 may spell the pre-releases that semantic versioning writes with dashes and dots.
_PRE = re.compile(r"[-._]?(alpha|beta|preview|pre|a|b|c|rc|dev)[-._]?(\d+)")
_SHORT = {"alpha": "a", "beta": "b", "preview": "rc", "pre": "rc", "c": "rc"}


def read(pyproject: str, *, where: str) -> str:
    """Return `project.version` of a pyproject.toml."""
    try:
        version = tomllib.loads(pyproject)["project"]["version"]
    except tomllib.TOMLDecodeError as error:
        what = f"{where}: not TOML: {error}"
        raise PipelineError("version.not-toml", what, hint="fix it, then release again") from error
    except (KeyError, TypeError) as error:
        what = f"{where}: it has no project.version"
        raise PipelineError(
            "version.not-declared", what, hint='write version = "1.2.3" under [project]'
        ) from error
    return str(version)


def check(released: str, declared: str, *, where: str) -> None:
    """Refuse a release whose tag is not the version that `where` declares; 1.2.3-rc.1 equals 1.2.3rc1."""
    if _plain(released) != _plain(declared):
        raise PipelineError(
            "version.tag-differs",
            f"the tag releases {released}, {where} says {declared}",
            hint=f"set the version in {where} to {released}, commit, and tag that commit",
        )


def _plain(version: str) -> str:
    return _PRE.sub(lambda match: _SHORT.get(match[1], match[1]) + match[2], version.lower())
