"""Compare the packages of an image with those of an earlier run, by both SBOMs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from ci.report.model import PackageChange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["SBOM", "changes"]

SBOM = "scan/{}/sbom.cdx.json"


class _Component(Struct, frozen=True):
    """A component of a CycloneDX document; the operating system has no package URL."""

    name: str
    version: str = ""
    purl: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Its kind and name: pkg:deb/debian/apt@3.0.4?arch=amd64 is deb's, as another apt is not."""
        return self.purl.partition("/")[0].removeprefix("pkg:"), self.name


class _Sbom(Struct, frozen=True):
    """A CycloneDX document."""

    components: tuple[_Component, ...] = ()


def changes(now: Path, before: Path) -> tuple[PackageChange, ...] | None:
    """Return what was added, removed or has another version; None if one of the runs has no SBOM."""
    if not (now.is_file() and before.is_file()):
        return None
    return tuple(_changes(_packages(now), _packages(before)))


def _packages(path: Path) -> dict[tuple[str, str], str]:
    """Return the versions of each package; an image can have several of one."""
    found: dict[tuple[str, str], set[str]] = {}
    for each in msgspec.json.decode(path.read_bytes(), type=_Sbom).components:
        found.setdefault(each.key, set()).add(each.version)
    return {key: ", ".join(sorted(versions)) for key, versions in found.items()}


def _changes(now: dict[tuple[str, str], str], before: dict[tuple[str, str], str]) -> Iterator[PackageChange]:
    for key in sorted(now.keys() | before.keys()):
        if now.get(key) != before.get(key):
            yield PackageChange(key[1], key[0], before.get(key, ""), now.get(key, ""))
