"""A built image, for tests, scans, the stack and pushes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagger
from dagger import dag

from ci import platforms, tools
from ci.module_source import program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.build.provenance import Material, Provenance
    from ci.project.model import Service
    from ci.workspace import Workspace

__all__ = [
    "BuiltImage",
    "Packed",
    "config",
    "diff_ids",
    "given",
    "layout",
    "packed",
    "pulled",
    "uncompressed",
]

Packed = Callable[[], Awaitable[dagger.File]]


@dataclass(frozen=True)
class BuiltImage:
    """An image to be tested, scanned, started and pushed.

    - `packed`: returns its OCI layout as a tar; what is only known from evidence is built by then
    - `facts`: what `container_scripts/layout.py` reads from the layout
    - `exported_at`, `built`: when BuildKit exported it, and whether this call did
    - `base`: the image below the layers that the build added
    - `references`: the images that the build requested, as named in the project
    - `versions`: versions of the programs that built it
    - `cache_note`: how the layer cache was used, if this call built with one
    - `platform`: the platform that it was built for; empty if that was not chosen
    - `emulator`: what runs its programs while a container of it does
    """

    service: Service
    packed: Packed
    facts: dict[str, Any]
    provenance: Provenance
    exported_at: float
    built: bool
    seconds: float
    base: Material | None
    base_layers: int
    references: tuple[str, ...]
    parameters: Mapping[str, Any]
    versions: Mapping[str, str]
    cache_note: str = ""
    platform: str = ""
    emulator: dagger.Service | None = None

    @property
    def name(self) -> str:
        """The name of the image among all that were built, see `ci.platforms`."""
        return platforms.named(self.service.name, self.platform)

    @property
    def digest(self) -> str:
        """The manifest digest, which is the same on every engine for the same source."""
        return str(self.facts["digest"])

    @property
    def instructions(self) -> list[str]:
        """The instruction of each layer above the base, from the image's history."""
        history = self.facts["config"].get("history") or ()
        made = [str(entry.get("created_by", "")) for entry in history if not entry.get("empty_layer")]
        return made[self.base_layers :]

    async def container(self) -> dagger.Container:
        """Import this image as a container, whose programs the engine runs or an emulator does."""
        platform = dagger.Platform(self.platform) if self.platform else None
        container = dag.container(platform=platform).import_(await self.packed())
        return container.with_service_binding("emulator", self.emulator) if self.emulator else container


def config(workspace: Workspace, image: dagger.Container) -> dagger.File:
    """Read an image's config as its registry has it, with all fields."""
    return _read(workspace, "config", image.as_tarball()).file("/config.json")


def packed(file: dagger.File) -> dagger.File:
    """Return a file so that Dagger caches it by content and not by how it was made."""
    return dag.directory().with_file("image.tar", file).file("image.tar")


def given(file: dagger.File) -> Packed:
    """Return what returns a file that is there."""

    async def there() -> dagger.File:
        return file

    return there


def pulled(reference: str, platform: str = "") -> dagger.Container:
    """Pull an image for a platform, or the engine's own."""
    return dag.container(platform=dagger.Platform(platform) if platform else None).from_(reference)


async def diff_ids(workspace: Workspace, reference: str, platform: str = "") -> tuple[str, ...]:
    """Return the digests of an image's unpacked layers; none if Dagger's engine cannot read it."""
    try:
        found = json.loads(await config(workspace, pulled(reference, platform)).contents())
    except dagger.QueryError:
        return ()
    return tuple(found["rootfs"]["diff_ids"])


async def layout(workspace: Workspace, image: BuiltImage) -> dagger.Directory:
    """Unpack the image's OCI layout into a folder."""
    return _read(workspace, "unpack", await image.packed(), "/layout").directory("/layout")


async def uncompressed(workspace: Workspace, image: BuiltImage) -> int:
    """Count the bytes of the image's layers without their compression."""
    found = await _read(workspace, "sizes", await image.packed()).file("/sizes.json").contents()
    sizes: dict[str, int | None] = json.loads(found)
    return sum(size or 0 for size in sizes.values())


def _read(workspace: Workspace, command: str, packed: dagger.File, output: str = "") -> dagger.Container:
    return (
        workspace.tool(tools.PYTHON)
        .with_mounted_file("/layout.py", program("layout.py"))
        .with_mounted_file("/image.tar", packed)
        .with_exec(["python3", "/layout.py", command, "/image.tar", output or f"/{command}.json"])
    )
