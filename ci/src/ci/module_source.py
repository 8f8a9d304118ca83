"""Provide the module's own files to other containers.

They include what the runtime has compiled, for the same Python and without times (`ci/runtime/main.dang`).

Dagger's `currentModule.source` is not used. After a restart of an engine that has dropped the module's
generated code, it fails with `load persisted module source sdk: invalid SDK`, although the module still runs.
"""

from __future__ import annotations

import shutil
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from dagger import dag
from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagger

__all__ = ["FOLDERS", "files", "libraries", "program", "pure"]

_PACKAGE = Path(__file__).parent
FOLDERS = {"ci": _PACKAGE}
# The folder that `currentModule.workdir` reads, in the container of the running function.
_WORK = Path("/scratch")
_NAME = "own"
_LIBRARIES = "libraries"


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
        shutil.copytree(folder, _WORK / _NAME / name, dirs_exist_ok=True)
    return _NAME


def libraries(name: str) -> dagger.Directory:
    """Return a folder with an installed library and its requirements, for other containers."""
    return dag.current_module().workdir(_gathered(name))


def pure(name: str) -> Mapping[str, Path]:
    """Return the path of each package of a library and of its requirements, by package name.

    They come from the metadata of the installed libraries. Raise for one that is not pure Python, because it
    would not run in another image.
    """
    found: dict[str, Path] = {}
    waiting, seen = [name], set()
    while waiting:
        distribution = metadata.distribution(waiting.pop())
        if distribution.name in seen:
            continue
        seen.add(distribution.name)
        if "Root-Is-Purelib: true" not in (distribution.read_text("WHEEL") or ""):
            msg = f"{distribution.name}, which {name} needs, is not pure Python"
            raise RuntimeError(msg)
        for file in distribution.files or ():
            top = file.parts[0]
            if file.suffix == ".py" and top != "..":
                found[top] = Path(str(distribution.locate_file(top)))
        for text in distribution.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


@cache
def _gathered(name: str) -> str:
    """Copy a library to the folder that the engine reads, once per call."""
    target = _WORK / _LIBRARIES / name
    target.mkdir(parents=True, exist_ok=True)
    for package, place in pure(name).items():
        if place.is_dir():
            ignored = shutil.ignore_patterns("tests")
            shutil.copytree(place, target / package, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copy(place, target / package)
    return f"{_LIBRARIES}/{name}"
