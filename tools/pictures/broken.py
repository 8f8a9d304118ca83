"""A copy of this repository that fails in several gates, each in the way that a mistake would."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

__all__ = ["broken"]

ROOT = Path(__file__).parents[2]
_WAIVERS = """
[[tool.ci.waivers]]
rule = "size-budget"
service = "gateway"
reason = "the model is in the image until the volume is there"
until = 2026-01-31
"""
_REPLACED = {
    # A test that expects something else, packages with known vulnerabilities, a waiver that has ended.
    "services/agent/tests/test_calculator.py": ('("10 / 4", "2.5")', '("10 / 4", "2")'),
    "services/gateway/pyproject.toml": (
        "dependencies = [\n",
        'dependencies = [\n    "certifi==2022.12.7",\n    "urllib3==1.26.4",\n',
    ),
    "pyproject.toml": ("[tool.ci]\n", f"{_WAIVERS.lstrip()}\n[tool.ci]\n"),
}


def broken(target: Path) -> Path:
    """Copy the tracked files to a folder and break them; return the folder."""
    words = ["git", "ls-files", "-z"]
    listed = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, path)
    for name, (old, new) in _REPLACED.items():
        text = (target / name).read_text()
        if old not in text:
            msg = f"{name} has no {old!r} to replace"
            raise ValueError(msg)
        (target / name).write_text(text.replace(old, new, 1))
    subprocess.run([ROOT / ".venv" / "bin" / "uv", "lock", "--quiet"], cwd=target, check=True)
    return target
