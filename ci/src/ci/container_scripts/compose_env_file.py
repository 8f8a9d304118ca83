"""Parse an env file with Compose, because only Compose implements its grammar."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from ci.container_scripts.compose_command import CONFIG, Compose, RefusedError, undoubled

_LINE = re.compile(
    r"\bline (\d+): (unterminated quoted value|unexpected character|key cannot contain a space)?"
)
_REQUIRED = re.compile(r"required variable (\w+) is missing a value")


class EnvFileError(Exception):
    """Compose rejects the file; the text contains no values."""


def read(binary: str, path: Path) -> dict[str, str]:
    """Return the variables of an env file that have a value."""
    with tempfile.TemporaryDirectory() as folder:
        service = {"image": "values", "env_file": [str(path)]}
        Path(folder, "compose.yaml").write_text(json.dumps({"name": "values", "services": {"it": service}}))
        try:
            printed = Compose(binary, Path(folder)).run({}, *CONFIG)
        except RefusedError as error:
            raise EnvFileError(_reason(str(error))) from None
    values: dict[str, str] = undoubled(printed.json)["services"]["it"].get("environment") or {}
    return {name: value for name, value in values.items() if name and value is not None}


def _reason(output: str) -> str:
    """Describe the error and its line, without Compose's output, which may contain values."""
    if found := _REQUIRED.search(output):
        return f"required variable {found[1]} is missing a value"
    if found := _LINE.search(output):
        return f"line {found[1]}: {found[2] or 'not readable'}"
    if "nvalid template" in output:
        return "invalid template: a `${` that is meant literally is written `\\${`, or in single quotes"
    return "not readable"
