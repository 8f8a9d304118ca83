"""The module's own files, as the engine takes them: what runs in other containers than the module's.

Dagger's `currentModule.source` is not used: on an engine that was restarted and then let go of what it had
generated for the module, it ends with `load persisted module source sdk: invalid SDK`. The module still runs.
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dagger import dag

if TYPE_CHECKING:
    import dagger

__all__ = ["FOLDERS", "files"]

_PACKAGE = Path(__file__).parent
FOLDERS = {"ci": _PACKAGE}
# What `currentModule.workdir` reads, in the container that a function runs in.
_WORK = Path("/scratch")
_NAME = "own"


def files() -> dagger.Directory:
    """Return a folder with this package as `ci`."""
    return dag.current_module().workdir(_copied())


@cache
def _copied() -> str:
    """Copy them to where the engine reads; once for a call."""
    for name, folder in FOLDERS.items():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder, _WORK / _NAME / name, ignore=ignored, dirs_exist_ok=True)
    return _NAME
