"""Edit both sides' copies before a run; `number` makes each edit unique."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
# Packages of the lock that the assistant does not use. Up to three are added, in 63 combinations.
_PACKAGES = ("mako", "greenlet", "asyncpg", "sqlalchemy", "alembic", "redis", "markupsafe")
_ADDED = [names for count in (1, 2, 3) for names in combinations(_PACKAGES, count)]


def nothing(_folder: Path, _number: int) -> None:
    """Change nothing."""


def source_line(folder: Path, number: int) -> None:
    """Change one line of one service."""
    _append(folder / "services/assistant/src/assistant_service/__init__.py", f"# {number}\n")


def dependency(folder: Path, number: int) -> None:
    """Add one to three dependencies to one service, in its pyproject.toml and in the lock."""
    names = _ADDED[number % len(_ADDED)]
    project, lock = (Path(name) for name in ("services/assistant/pyproject.toml", "uv.lock"))
    text = (ROOT / project).read_text()
    quoted = "".join(f'"{name}", ' for name in names)
    (folder / project).write_text(_once(r"(?m)^dependencies = \[", f"dependencies = [{quoted}", text))
    text = (ROOT / lock).read_text()
    pattern = r'(name = "assistant-service"\n(?:(?!\n\[\[package).)*?\ndependencies = \[)'
    lines = "".join(f'\n    {{ name = "{name}" }},' for name in names)
    (folder / lock).write_text(_once(f"(?s){pattern}", rf"\1{lines}", text))


def shared_package(folder: Path, number: int) -> None:
    """Change the package that all services use."""
    _append(folder / "services/common/src/aip_common/__init__.py", f"# {number}\n")


def readme(folder: Path, number: int) -> None:
    """Change a file that no image contains."""
    _append(folder / "README.md", f"\nEdited {number}.\n")


CASES: dict[str, Callable[[Path, int], None]] = {
    "nothing": nothing,
    "readme": readme,
    "source-line": source_line,
    "dependency": dependency,
    "shared-package": shared_package,
    "cold": nothing,
    "two-at-once": source_line,
}


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def _once(pattern: str, replacement: str, text: str) -> str:
    changed, times = re.subn(pattern, replacement, text, count=1)
    if not times:
        raise ValueError(f"{pattern} is not in the file that a case edits")
    return changed
