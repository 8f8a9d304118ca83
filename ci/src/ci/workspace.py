"""The inputs of a call: the source, the images map, the tool images and the user's credentials."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from dagger import dag

from ci.errors import PipelineError
from ci.layer_cache import CacheOptions
from ci.listing import Listing
from ci.parallel import Once

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import dagger

    from ci.references import ImagesMap

__all__ = ["Workspace", "literal"]

T = TypeVar("T")
_NO_SOURCE = ("**/.git", "**/node_modules")


def literal(path: str) -> str:
    """Return the pattern that matches a path and nothing else, because filters of a folder take patterns."""
    return re.sub(r"([\\*?\[])", r"\\\1", path)


@dataclass(frozen=True)
class Workspace:
    """A source tree with an images map.

    `source` is the tree without `.git` and `node_modules`. `context` is all of it, because the project's
    .dockerignore decides what a build may read. `listing` is of `source`.
    """

    source: dagger.Directory
    context: dagger.Directory
    images: ImagesMap
    listing: Listing
    values: Mapping[str, str] = field(default_factory=dict)  # of the variables of --env-file
    platform: str = ""  # as linux/arm64; empty: the engine's own
    docker_config: dagger.Secret | None = None  # credentials for the registries of base images
    ssh_agent: dagger.Socket | None = None
    cache: CacheOptions = field(default_factory=CacheOptions)
    env_file: dagger.Secret | None = None  # the same as `values`, for Compose to read
    _made: dict[str, Once[Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, source: dagger.Directory, images: ImagesMap, **options: Any) -> Workspace:  # noqa: ANN401 - the fields
        """Create a workspace from the uploaded source."""
        # Dagger caches a filtered folder by its content, so a commit changes nothing for readers of the rest.
        filtered = source.filter(exclude=list(_NO_SOURCE))
        return cls(filtered, source, images, Listing(filtered), **options)

    async def once(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        """Make a value at its first use in a call, and return it to all later uses.

        Steps that begin with a synced container refer to its id. Otherwise each request describes it again.
        """
        made: T = await self._made.setdefault(name, Once()).get(make)
        return made

    async def own_platform(self) -> str:
        """Return the platform that the engine runs itself, as linux/amd64."""
        return str(await self.once("platform", dag.default_platform))

    def tool(self, reference: str) -> dagger.Container:
        """Return a tool image. Raise if the images map does not provide it."""
        resolved = self.images.resolve(reference, where="tool image")
        if resolved is None:
            raise PipelineError(
                "images-map.tool-missing",
                f"the images map marks the tool image {reference} as not available",
                hint="map it to an image that the engine can pull",
            )
        return dag.container().from_(resolved)
