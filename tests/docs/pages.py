"""The handwritten pages, and the commands in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GENERATED = DOCS / "reference"
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *(path for path in DOCS.rglob("*.md") if path.parent != GENERATED),
    ]
)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def shown(page: str) -> list[str]:
    """Return the commands after a prompt in a page's blocks, in their order."""
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    joined = re.sub(r"\\\n\s*", "", "".join(blocks))
    return re.findall(r"^\s*\$ (.+)$", joined, re.MULTILINE)
