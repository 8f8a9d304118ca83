"""Recipes of images: what `images/NAME/image.toml` may say.

title                   what it is
references              the names it stands for; it is pushed under each one's path
stand-in                what it is instead of the official image, and what it lacks
needs                   the image it is built on; none = from nothing
version, version-of     its version, or the Debian package that has it
versions                Debian packages whose versions its label lists, beside that one
map                     where the images map goes when it is pushed
[debian]                suite, packages, paths left out (without) or kept all the same (with);
                        expired: accept package lists of the suite that are past their date
[files]                 path in the image = file or folder of the recipe
[wheels]                platform; into: a folder of the image, or programs: path in it = path in the wheel
[go]                    tags, ldflags, experiment (GOEXPERIMENT); programs: path in the image = package;
                        inlined: packages that are to be fast, beside Go's own
[config]                Env, Entrypoint and so on, as OCI's image configuration names them

`setup.sh` beside it runs in the image's root, after the files are there.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RECIPES = Path(__file__).with_name("images")


@dataclass(frozen=True)
class Debian:
    """A root made of Debian packages alone."""

    suite: str
    packages: tuple[str, ...]
    without: tuple[str, ...]
    kept: tuple[str, ...]
    expired: bool = False


@dataclass(frozen=True)
class Wheels:
    """What `requirements.txt` of the recipe names, with hashes."""

    platform: str
    into: str = ""
    programs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Go:
    """Programs of the module that `go.mod` of the recipe requires."""

    programs: Mapping[str, str]
    tags: str = ""
    ldflags: str = ""
    experiment: str = ""
    inlined: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """One `image.toml`."""

    name: str
    title: str
    references: tuple[str, ...]
    stand_in: str
    needs: str
    version: str
    version_of: str
    versions: tuple[str, ...]
    map: str
    debian: Debian | None
    files: Mapping[str, str]
    wheels: Wheels | None
    go: Go | None
    config: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """Where it is."""
        return RECIPES / self.name

    @property
    def setup(self) -> bool:
        """Whether it has a script that runs in the image's root."""
        return (self.folder / "setup.sh").exists()

    @property
    def targets(self) -> tuple[str, ...]:
        """Repository and tag in a registry that mirrors those of the references."""
        return tuple(_path(reference) for reference in self.references)

    def sources(self) -> Iterator[Path]:
        """Yield the recipe's files, sorted."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                yield path


def read(name: str) -> Recipe:
    """Return a recipe. A key that is wrong is a programming error: it ends in a KeyError or TypeError."""
    toml: dict[str, Any] = tomllib.loads((RECIPES / name / "image.toml").read_text(encoding="utf-8"))
    recipe = Recipe(
        name=name,
        title=toml.pop("title"),
        references=tuple(toml.pop("references")),
        stand_in=toml.pop("stand-in"),
        needs=toml.pop("needs", ""),
        version=toml.pop("version", ""),
        version_of=toml.pop("version-of", ""),
        versions=tuple(toml.pop("versions", ())),
        map=toml.pop("map", ""),
        debian=_debian(toml.pop("debian", None)),
        files=toml.pop("files", {}),
        wheels=Wheels(**toml.pop("wheels")) if "wheels" in toml else None,
        go=Go(**toml.pop("go")) if "go" in toml else None,
        config=toml.pop("config"),
    )
    if toml:
        raise KeyError(f"{name}/image.toml: {', '.join(toml)}")
    return recipe


def _debian(table: dict[str, Any] | None) -> Debian | None:
    if table is None:
        return None
    return Debian(
        table["suite"],
        tuple(table["packages"]),
        tuple(table["without"]),
        tuple(table["with"]),
        table.get("expired", False),
    )


def _path(reference: str) -> str:
    """Return a reference's path: a registry's host has a dot; a single word is the Hub's `library/`."""
    first, _, rest = reference.partition("/")
    if not rest:
        return f"library/{reference}"
    return rest if "." in first else reference
