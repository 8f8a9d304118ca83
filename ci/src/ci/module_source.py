"""Provide the module's own files to other containers.

Dagger's `currentModule.source` is not used. After a restart of an engine that has dropped the module's
generated code, it fails with `load persisted module source sdk: invalid SDK`, although the module still runs.
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dagger import dag

if TYPE_CHECKING:
    import dagger

__all__ = ["FOLDERS", "files", "program"]

_PACKAGE = Path(__file__).parent
FOLDERS = {"ci": _PACKAGE}
# The folder that `currentModule.workdir` reads, in the container of the running function.
_WORK = Path("/scratch")
_NAME = "own"


def files() -> dagger.Directory:
    """Return a folder that contains this package as `ci`."""
    return dag.current_module().workdir(_copied())


def program(name: str) -> dagger.File:
    """Return a program of `ci.container_scripts` as a file to mount."""
    return files().file(f"ci/container_scripts/{name}")


@cache
def _copied() -> str:
    """Copy the files to the folder that the engine reads, once per call."""
    for name, folder in FOLDERS.items():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder, _WORK / _NAME / name, ignore=ignored, dirs_exist_ok=True)
    return _NAME
