"""Generate the page of errors: those of the pipeline by code, those of airgap by text."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from ci.catalogue import codes, sources
from tools.reference.markdown import code, header, table

__all__ = ["page"]

ROOT = Path(__file__).parents[2]


def page() -> str:
    """Generate the text of the page."""
    lines = header("Errors", "the code that raises them")
    lines += [
        "An error states what was wrong and the value, after `Next:` what to do, and after `Code:` its code.",
        "Texts may change, but codes never do. `dagger call explain --code CODE` prints one entry.",
        "Text in braces is replaced by the actual value.",
        "",
    ]
    for area, found in groupby(codes.entries().values(), lambda each: each.code.partition(".")[0]):
        rows = [[f'<a id="{each.code}"></a>{code(each.code)}', code(each.text), each.hint] for each in found]
        lines += [f"## {area}", "", *table(["code", "error", "next"], rows)]
    lines += ["## `python3 -m airgap`", "", "These errors have no codes.", ""]
    lines += table(["error", "next"], [[code(each.text), each.hint] for each in _airgap()])
    return "\n".join(lines).rstrip() + "\n"


def _airgap() -> list[sources.Entry]:
    files = sorted((ROOT / "airgap").rglob("*.py"))
    found = [
        entry
        for path in files
        for entry in sources.read(path.read_text(encoding="utf-8"), str(path), coded=False)
    ]
    return list(dict.fromkeys(found))
