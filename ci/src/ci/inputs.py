"""What the builder is given for one image: a context, a Dockerfile in it, and arguments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import dagger

from ci import context, dockerfile, named_contexts
from ci.errors import PipelineError
from ci.named_contexts import Private

if TYPE_CHECKING:
    from ci.compose.model import Build
    from ci.compose.named import NamedContext
    from ci.images import Builder

__all__ = ["Inputs", "prepare"]


@dataclass(frozen=True)
class Inputs:
    """One build: `path` is the Dockerfile in the context that the builder reads.

    `dockerfile` is as the project has it, with additional contexts as stages; `base` and `images` are the
    references that the build stands on, as they were resolved.
    """

    context: dagger.Directory
    path: str
    arguments: dict[str, str]
    dockerfile: dockerfile.Dockerfile
    base: str
    images: tuple[str, ...]


async def prepare(builder: Builder, name: str, build: Build) -> Inputs:
    """Return all that one service's image is built of."""
    text = build.inline or await _text(builder, name, build)
    written = dockerfile.read(text)
    named_contexts.check(name, build, written)
    substitutes = await _substitutes(builder, name, written, build)
    arguments = {**build.arguments, **substitutes}
    contexts = tuple([await _pinned(builder, name, each) for each in build.contexts])
    private = Private.of(text)
    path = private.dockerfile if build.inline or contexts else build.dockerfile
    paths = context.readable(written, arguments, path)
    directory = builder.narrowed(builder.source.directory(build.context), paths)
    apart = paths is None and any(each.folder for each in contexts)
    built = named_contexts.apart(text, private) if apart else text
    built = named_contexts.with_stages(built, contexts, private.folder)
    if path == private.dockerfile:
        directory = await _with_private(builder, directory, build, private, built)
        for each in contexts:
            if each.folder:
                read = context.readable_of(written, arguments, each.name)
                folder = builder.narrowed(builder.source.directory(each.folder), read)
                directory = directory.with_directory(f"{private.folder}/{each.name}", folder)
    shown = named_contexts.with_stages(text, build.contexts, named_contexts.SHOWN)
    used = [value for _, value in sorted(substitutes.items())]
    return Inputs(
        directory,
        path,
        arguments,
        dockerfile.read(shown),
        dockerfile.read(built).base_image(build.target, arguments),
        (*used, *(each.image for each in contexts if each.image not in ("", "scratch"))),
    )


async def _text(builder: Builder, name: str, build: Build) -> str:
    path = PurePosixPath(build.context, build.dockerfile).as_posix()
    try:
        return await builder.source.file(path).contents()
    except dagger.QueryError:
        raise PipelineError(
            f"service '{name}': there is no Dockerfile at {path}",
            next_step=f"add it, or mend services.{name}.build in the compose file",
        ) from None


async def _substitutes(
    builder: Builder, name: str, parsed: dockerfile.Dockerfile, build: Build
) -> dict[str, str]:
    """Return all `*_IMAGE` arguments, with what the images map has instead, each by its digest.

    One that names an additional context stays.
    """
    named = {each.name for each in build.contexts}
    return {
        argument: await builder.resolved(name, value, where=f"service '{name}', ARG {argument}")
        for argument, value in {**parsed.image_arguments(), **build.arguments}.items()
        if argument.endswith("_IMAGE") and value not in named
    }


async def _pinned(builder: Builder, name: str, each: NamedContext) -> NamedContext:
    """Return the context with its image resolved as one of an argument is; a folder has to be there."""
    where = f"service '{name}': the additional context '{each.name}'"
    kind = dagger.ExistsType.DIRECTORY_TYPE
    if each.folder and not await builder.source.exists(each.folder, expected_type=kind):
        raise PipelineError(
            f"{where}: there is no folder {each.folder} in the source",
            next_step=f"add it, or mend services.{name}.build.additional_contexts",
        )
    if each.image in ("", "scratch"):
        return each
    return replace(each, image=await builder.resolved(name, each.image, where=where))


async def _with_private(
    builder: Builder, directory: dagger.Directory, build: Build, private: Private, text: str
) -> dagger.Directory:
    """Return the context with the Dockerfile and what it ignores, as files that no step can read."""
    own = "" if build.inline else await _ignore(builder, build.context, f"{build.dockerfile}.dockerignore")
    own = own or await _ignore(builder, build.context, ".dockerignore")
    folders = {
        each.name: await _ignore(builder, each.folder, ".dockerignore")
        for each in build.contexts
        if each.folder
    }
    return directory.with_new_file(private.dockerfile, text).with_new_file(
        f"{private.dockerfile}.dockerignore", named_contexts.ignored(own, private, folders)
    )


async def _ignore(builder: Builder, folder: str, name: str) -> str:
    path = PurePosixPath(folder, name).as_posix()
    return await builder.source.file(path).contents() if await builder.source.exists(path) else ""
