"""Plan the stack of a project: its model, and the images that it runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ci import parallel
from ci.build.run import digest_of
from ci.errors import PipelineError
from ci.project import unsupported
from ci.references import parse
from ci.stack.model import Images, make, named_images, tag
from ci.stack.run import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.build.image import BuiltImage
    from ci.project.load import Project
    from ci.stack.model import Timeouts

__all__ = ["plan"]


async def plan(
    loaded: Project, images: Mapping[str, BuiltImage], names: list[str], timeouts: Timeouts | None = None
) -> Stack:
    """Plan the stack of the named services without running it. `images` are the built ones, by service.

    A service without a build runs the image of another service if its `image:` is the same, or one of the
    other's `build.tags`.
    """
    compose = loaded.compose
    compose.check_values(names)
    unsupported.check(compose, {name: compose.services[name] for name in names})
    left_out = {name: image for name, image in loaded.left_out().items() if name in names}
    tags = {name: tag(compose.name, name, image.service.image) for name, image in images.items()}
    running = {name: compose.services[name].definition for name in names if name not in left_out}
    named = {text: place for name, item in running.items() for text, place in named_images(name, item)}
    references = await _resolved(loaded, named, dict(_built(tags, images)))
    model = make(compose, names, Images(tags, references), left_out, timeouts)
    used = {text for name, item in model.services.items() for text, _ in named_images(name, item)}
    return Stack(
        workspace=loaded.workspace,
        model=model,
        images={name: (tags[name], image) for name, image in images.items() if tags[name] in used},
        pinned=all("@" in each for each in references.values() if each not in tags.values()),
    )


def _built(tags: Mapping[str, str], images: Mapping[str, BuiltImage]) -> Iterator[tuple[str, str]]:
    """Yield the references of built images, with the tag that each has in the stack."""
    for name, image in images.items():
        build = image.service.definition.build
        for text in build.tags if build else ():
            yield parse(text, where=f"services.{name}.build.tags").without_digest, tags[name]
    yield from ((each, each) for each in tags.values())


async def _resolved(loaded: Project, named: Mapping[str, str], built: Mapping[str, str]) -> dict[str, str]:
    """Resolve each image to a built tag, or to a reference with its current digest."""
    found = {}
    for text, place in named.items():
        own = parse(text, where=place).without_digest
        resolved = built.get(own) or loaded.workspace.images.resolve(text, where=place)
        if resolved is None:
            raise PipelineError(
                "images-map.image-missing",
                f"{place}: {text} is not available here",
                hint="add it to the images map, or leave the service out",
            )
        found[text] = resolved
    asked = {each for each in found.values() if "@" not in each and each not in built.values()}
    digests = await parallel.run({each: partial(digest_of, each) for each in sorted(asked)}, limit=16)
    return {text: f"{each}@{digests[each]}" if digests.get(each) else each for text, each in found.items()}
