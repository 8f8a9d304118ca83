"""Generate the page of `[tool.ci]`: keys and defaults from the code, descriptions from its comments."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import tokenize
from io import StringIO
from typing import TYPE_CHECKING

from ci.project import policy
from tools.reference.markdown import code, header, table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Setting", "page", "settings"]


@dataclasses.dataclass(frozen=True)
class Setting:
    """A key, its default in TOML, and its description."""

    key: str
    default: str
    description: str


def settings() -> Iterator[Setting]:
    """Yield the keys that users may set, in the order of the code."""
    comments, default = _comments(), policy.Policy()
    for field in (each for each in dataclasses.fields(policy.Policy) if each.name != "place"):
        key = field.name.replace("_", "-")
        yield Setting(key, _toml(getattr(default, field.name)), comments.get(field.name, ""))


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{}" if not value else "a table"
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def _comments() -> dict[str, str]:
    """Return the comment of each field of the policy."""
    source = inspect.getsource(policy.Policy)
    found = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    body = next(node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)).body
    return {
        node.target.id: " ".join(
            found[line] for line in range(node.lineno, (node.end_lineno or 0) + 1) if line in found
        )
        for node in body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def page() -> str:
    """Generate the text of the page."""
    lines = header("Settings", "`ci/src/ci/project/policy.py`")
    lines += [
        "Settings are in `[tool.ci]` of the project's `pyproject.toml`, or at the top level of `.ci.toml`.",
        "The error for an unknown key names the closest one. A path with `{folder}` is",
        "relative to the folder of a service's Dockerfile.",
        "",
    ]
    rows = [[code(each.key), code(each.default), each.description] for each in settings()]
    return "\n".join(lines + table(["key", "default", "description"], rows)).rstrip() + "\n"
