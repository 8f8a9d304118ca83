"""List a source's folders and read its files, each with one request in a call."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field

import dagger

from ci.parallel import Once

__all__ = ["Listing"]


@dataclass(frozen=True)
class Listing:
    """The folders and files of a source, requested when they are first needed."""

    source: dagger.Directory
    _names: dict[str, Once[frozenset[str]]] = field(default_factory=dict)
    _found: dict[str, Once[bool]] = field(default_factory=dict)
    _texts: dict[str, Once[str]] = field(default_factory=dict)

    async def names(self, place: str) -> frozenset[str]:
        """Return the names in a folder, those of folders with a slash; none if it does not exist."""
        place = posixpath.normpath(place)
        return await self._names.setdefault(place, Once()).get(lambda: self._entries(place))

    async def has(self, path: str) -> bool:
        """Test whether there is a file or a folder at a path, or a link to one."""
        path = posixpath.normpath(path)
        return await self._found.setdefault(path, Once()).get(lambda: self._is_there(path))

    async def has_folder(self, path: str) -> bool:
        """Test whether there is a folder at a path, or a link to one."""
        return await self._is_there(posixpath.normpath(path), dagger.ExistsType.DIRECTORY_TYPE)

    async def text(self, path: str) -> str:
        """Return the text of a file; empty if it does not exist."""
        return await self._texts.setdefault(path, Once()).get(lambda: self._read(path))

    async def _is_there(self, path: str, kind: dagger.ExistsType | None = None) -> bool:
        parent, name = posixpath.split(path)
        above = await self.names(parent) if name != "." else frozenset({"./"})
        # A name without a slash may be a link, to a folder or to nothing.
        return f"{name}/" in above or (name in above and await self.source.exists(path, expected_type=kind))

    async def _read(self, path: str) -> str:
        return await self.source.file(path).contents() if await self.has(path) else ""

    async def _entries(self, place: str) -> frozenset[str]:
        if place == ".":
            return frozenset(await self.source.entries())
        if place.startswith(("/", "..")) or not await self.has_folder(place):
            return frozenset()
        return frozenset(await self.source.directory(place).entries())
