"""A stack of a project that has been read and built: its model, and the images that it runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ci import parallel
from ci.build.run import digest_of
from ci.compose import refused
from ci.stack.model import Images, make, tag
from ci.stack.run import Stack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.images import BuiltImage
    from ci.project import Loaded
    from ci.stack.model import Timeouts

__all__ = ["plan"]


async def plan(
    loaded: Loaded, images: Mapping[str, BuiltImage], names: list[str], timeouts: Timeouts | None = None
) -> Stack:
    """Return the stack of the named services; nothing runs yet. `images` are the built ones, by service.

    A service without a build whose `image:` is what another one builds runs that image.
    """
    compose = loaded.compose
    compose.check_values(names)
    refused.check(compose, {name: compose.services[name] for name in names})
    left_out = {name: image for name, image in loaded.left_out().items() if name in names}
    tags = {name: tag(compose.name, name, image.service.image) for name, image in images.items()}
    built, pulled = dict(tags), []
    for name in names:
        image = compose.services[name].image
        if image and name not in tags:
            if (own := tag(compose.name, name, image)) in tags.values():
                built[name] = own
            elif name not in left_out:
                pulled.append(name)
    references = await _pinned(loaded, pulled)
    model = make(compose, names, Images(built, references), left_out, timeouts)
    used = {service.get("image") for service in model.services.values()}
    return Stack(
        builder=loaded.builder,
        model=model,
        images={name: (tags[name], image) for name, image in images.items() if tags[name] in used},
        pinned=all("@" in reference for reference in references.values()),
    )


async def _pinned(loaded: Loaded, names: list[str]) -> dict[str, str]:
    """Return the reference that each service pulls, with its digest now: another one is another input."""
    references = {}
    for name in names:
        image = loaded.compose.services[name].image
        resolved = loaded.builder.images.resolve(image, where=f"service '{name}'")
        if resolved:
            references[name] = resolved
    asked = {each for each in references.values() if "@" not in each}
    found = await parallel.run({each: partial(digest_of, each) for each in sorted(asked)}, limit=16)
    return {n: f"{r}@{found[r]}" if found.get(r) else r for n, r in references.items()}
