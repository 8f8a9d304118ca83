"""A folder of this machine, with the calls of Dagger's directories that read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagger

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Folder"]


@dataclass(frozen=True)
class File:
    path: Path

    async def contents(self) -> str:
        return self.path.read_text()


@dataclass(frozen=True)
class Folder:
    path: Path

    async def entries(self) -> list[str]:
        folders = {each for each in self.path.iterdir() if each.is_dir() and not each.is_symlink()}
        return [each.name + ("/" if each in folders else "") for each in self.path.iterdir()]

    async def exists(self, path: str, *, expected_type: dagger.ExistsType | None = None) -> bool:
        there = self.path / path
        if expected_type == dagger.ExistsType.DIRECTORY_TYPE:
            return there.is_dir()
        return there.is_file() if expected_type else there.exists()

    async def glob(self, pattern: str) -> list[str]:
        return [str(each.relative_to(self.path)) for each in self.path.glob(pattern)]

    def directory(self, path: str) -> Folder:
        return Folder(self.path / path)

    def file(self, path: str) -> File:
        return File(self.path / path)
