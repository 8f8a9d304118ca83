"""Hide the values of variables and secret files in all output."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.container_scripts import compose_env_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Hidden", "given", "of_files", "random"]

# Shorter values would also match ordinary words; the limit for a line of a value is lower.
_SHORTEST, _SHORTEST_LINE = 4, 8


class Hidden:
    """Replace secret values by ***, the longest first, because one may be part of another.

    Single lines of a value are hidden too, because logs are shown line by line.
    """

    def __init__(self, values: Iterable[str]) -> None:
        found: set[str] = set()
        for value in values:
            lines = (line.strip() for line in value.splitlines())
            found |= {value.strip(), *(line for line in lines if len(line) >= _SHORTEST_LINE)}
        self._values = sorted((v for v in found if len(v) >= _SHORTEST), key=lambda v: (-len(v), v))

    def text(self, text: str) -> str:
        """Hide the values in a text."""
        for value in self._values:
            text = text.replace(value, "***")
        return text

    def data(self, data: Any) -> Any:  # noqa: ANN401 - JSON
        """Hide the values in JSON, including keys."""
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, list):
            return [self.data(item) for item in data]
        if isinstance(data, dict):
            return {self.text(key): self.data(item) for key, item in data.items()}
        return data


def given(compose: str, file: Path) -> dict[str, str]:
    """Return the variables of an env file, parsed by Compose; none if there is no file."""
    return compose_env_file.read(compose, file) if file.is_file() else {}


def random(names: Iterable[str]) -> dict[str, str]:
    """Generate a random value for each required variable without a value, for this run."""
    return {name: secrets.token_urlsafe(24) for name in names}


def of_files(model: Mapping[str, Any]) -> list[str]:
    """Return the contents of the model's secret files."""
    files = [Path(item["file"]) for item in (model.get("secrets") or {}).values() if item.get("file")]
    return [path.read_text(errors="replace") for path in files if path.is_file()]
