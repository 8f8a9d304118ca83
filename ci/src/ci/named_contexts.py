"""Additional contexts as stages of the Dockerfile: the engine's builder takes one context, without a name.

A folder is put into the context under a private name, and is a stage of its files; an image is a stage that
starts from it. Where a step could read the private folder as a part of the context, it reads another stage
instead, which has the context without it.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.dockerfile import expand, mount_options, pieces
from ci.errors import PipelineError
from ci.references import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ci.compose.model import Build
    from ci.compose.named import NamedContext
    from ci.dockerfile import Dockerfile

__all__ = ["SHOWN", "Private", "apart", "check", "ignored", "with_stages"]

# The folder as the history of an image names it: it must not change with the private one.
SHOWN = "additional_contexts"

_NAME = re.compile(r"(?!scratch$)[a-z][a-z0-9_.-]*")
_FLAGS = re.compile(r"\A\s*\w+(?:(?:\s|[\\`](?=[ \t]*\n)|#.*\n)+--\S+)*")
_MOUNT = re.compile(r"--mount=(\S+?)(?=[\\`]?(?:\s|\Z))")


@dataclass(frozen=True)
class Private:
    """Names in one build that nothing of the project has: they are made of its Dockerfile's digest."""

    digest: str

    @classmethod
    def of(cls, text: str) -> Private:
        """Return the names for a Dockerfile."""
        return cls(hashlib.sha256(text.encode()).hexdigest()[:32])

    @property
    def dockerfile(self) -> str:
        """The Dockerfile that the builder reads."""
        return f".{self.digest}.Dockerfile"

    @property
    def outer(self) -> str:
        """What the root of the context has more than the project's; `*` matches it."""
        return f".{self.digest}.contexts"

    @property
    def folder(self) -> str:
        """The folder of the additional ones, in another: so an ADD of `*` can leave it out."""
        return f"{self.outer}/{self.digest}"

    @property
    def rest(self) -> str:
        """The stage that has the context without that folder."""
        return f"context-{self.digest}"


def check(service: str, build: Build, parsed: Dockerfile) -> None:
    """Refuse a context whose name a stage cannot stand for, and a Dockerfile that counts its stages."""
    values = {**parsed.arguments, **build.arguments}
    names = [expand(name, values) for stage in parsed.stages for name in stage.names]
    for context in build.contexts:
        where = f"service '{service}': the additional context '{context.name}'"
        if not _NAME.fullmatch(context.name):
            raise PipelineError(
                f"{where} has a name that no stage can have",
                next_step="give it one of small letters, digits, `_`, `.` and `-` with a letter first, "
                "but not `scratch`, and write that into the Dockerfile",
            )
        if context.name in [stage.name for stage in parsed.stages]:
            raise PipelineError(
                f"{where} has the name of a stage of the Dockerfile",
                next_step="rename one of the two, or take out the stage: Docker would use the context for it",
            )
        for name in names:
            if name.lower() != context.name and _is_latest(name, context.name):
                raise PipelineError(
                    f"{where} is called {name} in the Dockerfile",
                    next_step=f"write {context.name} there",
                )
    counted = [name for name in (*names, build.target) if name.isdigit()]
    if build.contexts and counted:
        raise PipelineError(
            f"service '{service}': stage {counted[0]} is used by its number; contexts are stages before it",
            next_step="give that stage a name with AS, and use the name",
        )


def _is_latest(reference: str, name: str) -> bool:
    """Say whether Docker takes the reference for that name, as it does `name:latest`."""
    try:
        read = parse(reference, where="")
    except PipelineError:
        return False
    return read.name == name and read.tag in ("", "latest") and not read.digest


def with_stages(text: str, contexts: Iterable[NamedContext], folder: str) -> str:
    """Return a Dockerfile that begins with a stage for each context, after what stands before the first."""
    stages = "".join(
        f"FROM {context.image} AS {context.name}\n"
        if context.image
        else f"FROM scratch AS {context.name}\nCOPY {folder}/{context.name}/ /\n"
        for context in contexts
    )
    return _before_the_first(text, stages)


def _before_the_first(text: str, stages: str) -> str:
    parts = list(pieces(text))
    first = next((number for number, (keyword, _) in enumerate(parts) if keyword == "FROM"), len(parts))
    return "".join([*(part for _, part in parts[:first]), stages, *(part for _, part in parts[first:])])


def apart(text: str, private: Private) -> str:
    """Return a Dockerfile whose steps take what they read of the context from a stage without the folder."""
    changed = "".join(_apart(keyword, piece, private) for keyword, piece in pieces(text))
    return _before_the_first(changed, f"FROM scratch AS {private.rest}\nCOPY --exclude={private.outer} . /\n")


def _apart(keyword: str, piece: str, private: Private) -> str:
    found = _FLAGS.match(piece)
    if not found:
        return piece
    flags, rest = found[0], piece[found.end() :]
    if keyword == "RUN":
        return _MOUNT.sub(lambda mount: _mounted(mount[0], private.rest), flags) + rest
    if keyword == "COPY" and "--from=" not in flags and not rest.lstrip(" \t\\`\r\n").startswith("<<"):
        return re.sub(r"\A\s*\w+", rf"\g<0> --from={private.rest}", flags) + rest
    if keyword == "ADD":
        return (
            re.sub(r"\A\s*\w+", rf"\g<0> --exclude={private.outer} --exclude={private.digest}", flags) + rest
        )
    return piece


def _mounted(mount: str, stage: str) -> str:
    options = mount_options(mount.removeprefix("--mount="))
    reads = options.get("type", "bind") == "bind" and "from" not in options
    return f"{mount},from={stage}" if reads else mount


def ignored(text: str, private: Private, folders: Mapping[str, str]) -> str:
    """Return the text of the ignore file: the context's own, then those of the folders, by their names.

    Nothing that the context ignores is ignored of them, and the private Dockerfile is nobody's file.
    """
    lines = [text, f"!{private.outer}"]
    for name, own in folders.items():
        lines += _below(f"{private.folder}/{name}", own)
    return "\n".join([*lines, private.dockerfile, f"{private.dockerfile}.dockerignore", ""])


def _below(folder: str, text: str) -> Iterator[str]:
    for line in text.removeprefix("\ufeff").splitlines():
        pattern = line.strip()
        sign = "!" if pattern.startswith("!") else ""
        path = posixpath.normpath(pattern.removeprefix("!").strip()).lstrip("/")
        if not line.startswith("#") and path not in ("", "."):
            yield f"{sign}{folder}/{path}"
