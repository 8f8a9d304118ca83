"""A release's tag and the project's version must be the same; the version is in a file, or the tag's."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from ci.errors import PipelineError

__all__ = ["COMMAND", "TAG", "check", "printed", "read"]

# Settings of `version` that name no file: the tag alone decides, or a command prints it.
TAG, COMMAND = "tag", "command:"

# How PEP 440 may spell the pre-releases that semantic versioning writes with dashes and dots.
_PRE = re.compile(r"[-._]?(alpha|beta|preview|pre|a|b|c|rc|dev)[-._]?(\d+)")
_SHORT = {"alpha": "a", "beta": "b", "preview": "rc", "pre": "rc", "c": "rc"}


def read(text: str, *, where: str) -> str:
    """Return the version that a file declares: a pyproject.toml, JSON, or a text of one line."""
    name = where.rpartition("/")[2]
    if name.endswith(".toml"):
        return _declared(_toml(text, where), "project", "version", where=where)
    if name.endswith(".json"):
        return _declared(_json(text, where), "version", where=where)
    return printed(text, where=where)


def printed(text: str, *, where: str) -> str:
    """Return the version in a text of one line."""
    lines = text.strip().splitlines()
    if len(lines) != 1:
        raise PipelineError(
            "version.not-one-line",
            f"{where}: expected one line with the version, found {len(lines)}",
            hint="write 1.2.3 and nothing else",
        )
    return lines[0].strip().removeprefix("v")


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what = f"{where}: not TOML: {error}"
        raise PipelineError("version.not-toml", what, hint="fix it, then release again") from error


def _json(text: str, where: str) -> Any:  # noqa: ANN401 - of JSON
    try:
        return json.loads(text)
    except ValueError as error:
        what = f"{where}: not JSON: {error}"
        raise PipelineError("version.not-json", what, hint="fix it, then release again") from error


def _declared(data: Any, *keys: str, where: str) -> str:  # noqa: ANN401 - as above
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    if not isinstance(data, str) or not data:
        raise PipelineError(
            "version.not-declared",
            f"{where}: it has no {'.'.join(keys)}",
            hint=f'declare it there, or name another place: version = "{TAG}", a file, or "{COMMAND}…"',
        )
    return data


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
