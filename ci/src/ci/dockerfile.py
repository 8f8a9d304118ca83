"""What the pipeline needs to know of a Dockerfile before it builds it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Dockerfile", "Instruction", "Stage", "expand", "mount_options", "pieces", "read"]

_CONTINUED = re.compile(r"[\\`][ \t]*\n")
_ESCAPE = re.compile(r"\A(?:[ \t]*#.*\n)*?[ \t]*#[ \t]*escape[ \t]*=[ \t]*`", re.IGNORECASE)
_COMMENT = re.compile(r"^[ \t]*#.*\n?", re.MULTILINE)
_VARIABLE = re.compile(r"\$(?:(?P<plain>\w+)|\{(?P<name>\w+)(?::?-(?P<default>[^}]*))?\})", re.ASCII)


_HEREDOC = re.compile(r"(?<!<)<<-?[\"']?([A-Za-z_]\w*)")
_FROM = re.compile(r"(?:--from=|[=,\s]from=)([^\s,]+)")
# WORKDIR makes a layer only where the folder is new: see `layers`.
_LAYERS = ("RUN", "COPY", "ADD")


@dataclass(frozen=True)
class Instruction:
    """One instruction of a stage, its lines joined to one."""

    keyword: str
    text: str

    def __str__(self) -> str:
        return f"{self.keyword} {self.text}"


@dataclass(frozen=True)
class Stage:
    """One `FROM`: what it starts from, what it is called, and what it does."""

    base: str
    name: str
    platform: str = ""
    instructions: tuple[Instruction, ...] = ()

    @property
    def names(self) -> list[str]:
        """All that it takes files from, as written: what it starts from, and each `from=`."""
        return [self.base, *(name for step in self.instructions for name in _FROM.findall(step.text))]


@dataclass(frozen=True)
class Dockerfile:
    """The stages in order, and the build arguments' defaults.

    `arguments` holds those declared before the first `FROM`, with their
    defaults: the only ones that may stand in a `FROM`.
    """

    stages: tuple[Stage, ...]
    arguments: dict[str, str] = field(default_factory=dict)

    def image_arguments(self) -> dict[str, str]:
        """Return the `*_IMAGE` arguments that have a default: the images map applies to them."""
        return {name: value for name, value in self.arguments.items() if name.endswith("_IMAGE") and value}

    def base_image(self, target: str, build_arguments: dict[str, str]) -> str:
        """Return the image that the target stage stands on at last; `scratch` if on none."""
        values = {**self.arguments, **build_arguments}
        return expand(self._chain(target, values)[0].base, values)

    def layers(self, target: str, build_arguments: dict[str, str], count: int) -> list[str]:
        """Return what made each of the `count` layers above the base; empty texts where it is not certain."""
        steps = self.steps(target, build_arguments)
        return next((found for found in steps if len(found) == count), [""] * count)

    def steps(self, target: str, build_arguments: dict[str, str]) -> list[list[str]]:
        """Return what may have made the layers above the base: without WORKDIR, with it, both without RUN.

        A RUN that changes no file makes none.
        """
        values = {**self.arguments, **build_arguments}
        all_of_them = [step for stage in self._chain(target, values) for step in stage.instructions]
        each = (_LAYERS, (*_LAYERS, "WORKDIR"))
        without = [tuple(keyword for keyword in keywords if keyword != "RUN") for keywords in each]
        return [
            [str(step) for step in all_of_them if step.keyword in keywords] for keywords in (*each, *without)
        ]

    def external_images(self, target: str, build_arguments: dict[str, str]) -> list[str]:
        """Return the references of all images that the target stage is made of, `scratch` left out."""
        values = {**self.arguments, **build_arguments}
        stages = self._by_name()
        wanted, seen, found = list(self._chain(target, values)), set(), set()
        while wanted:
            stage = wanted.pop()
            if id(stage) in seen:
                continue
            seen.add(id(stage))
            for name in stage.names:
                expanded = expand(name, values)
                other = stages.get(expanded.lower())
                if other is not None and other is not stage:
                    wanted.append(other)
                elif expanded != "scratch":
                    found.add(expanded)
        return sorted(found)

    def _by_name(self) -> dict[str, Stage]:
        named = {stage.name: stage for stage in self.stages if stage.name}
        return named | {str(number): stage for number, stage in enumerate(self.stages)}

    def _chain(self, target: str, values: dict[str, str]) -> list[Stage]:
        """Return the target stage and those it stands on, the lowest first."""
        stages = self._by_name()
        if target.lower() not in ("", *stages):
            raise PipelineError(
                f"there is no stage '{target}' in the Dockerfile",
                next_step=f"choose from {', '.join(stage.name for stage in self.stages if stage.name)}",
            )
        chain = [stages[target.lower()] if target else self.stages[-1]]
        while (below := stages.get(expand(chain[0].base, values).lower())) and below not in chain:
            chain.insert(0, below)
        return chain


def read(text: str) -> Dockerfile:
    """Read stages and global arguments; everything else is the builder's to judge."""
    stages: list[Stage] = []
    arguments: dict[str, str] = {}
    for step in _instructions(text):
        if step.keyword == "FROM":
            stages.append(_stage(step.text))
        elif stages:
            last = stages[-1]
            stages[-1] = replace(last, instructions=(*last.instructions, step))
        elif step.keyword == "ARG":
            for word in shlex.split(step.text):
                name, _, value = word.partition("=")
                arguments[name] = expand(value, arguments)
    if not stages:
        raise PipelineError("the Dockerfile has no FROM", next_step="start it with one")
    return Dockerfile(tuple(stages), arguments)


def _instructions(text: str) -> Iterator[Instruction]:
    for keyword, piece in pieces(text):
        if keyword:
            _, *rest = _CONTINUED.sub(" ", _COMMENT.sub("", piece)).split()
            yield Instruction(keyword, " ".join(rest))


def pieces(text: str) -> Iterator[tuple[str, str]]:
    """Yield the text piece by piece: each instruction's lines, with its keyword.

    Other lines have none: comments, empty ones, and those of a here-document.
    """
    continues = re.compile(r"`[ \t]*$" if _ESCAPE.match(text) else r"\\[ \t]*$")
    waiting: list[str] = []
    piece = ""
    for line in text.splitlines(keepends=True):
        if waiting:
            if line.strip() == waiting[0]:
                waiting.pop(0)
            yield "", line
            continue
        piece += line
        nothing = not line.strip() or line.lstrip().startswith("#")
        if (nothing and piece != line) or (not nothing and continues.search(line.rstrip("\r\n"))):
            continue
        keyword = "" if nothing else re.split(r"[\s\\`]", piece.lstrip(), maxsplit=1)[0].upper()
        if keyword in _LAYERS:
            waiting = _HEREDOC.findall(piece)
        yield keyword, piece
        piece = ""
    if piece:
        yield re.split(r"[\s\\`]", piece.lstrip(), maxsplit=1)[0].upper(), piece


def _stage(text: str) -> Stage:
    words = text.split()
    platform = ""
    while words and words[0].startswith("--"):
        flag = words.pop(0)
        platform = flag.removeprefix("--platform=") if flag.startswith("--platform=") else platform
    named = len(words) > 2 and words[1].upper() == "AS"  # noqa: PLR2004 - FROM base AS name
    return Stage(base=words[0] if words else "", name=words[2].lower() if named else "", platform=platform)


def mount_options(text: str) -> dict[str, str]:
    """Return the options of a RUN's `--mount=`, by their names."""
    return dict(part.partition("=")[::2] for part in text.split(","))


def expand(text: str, values: Mapping[str, str]) -> str:
    """Return a text with the values of its variables; empty where there is none and no default."""

    def value(match: re.Match[str]) -> str:
        return values.get(match["plain"] or match["name"], "") or (match["default"] or "")

    return _VARIABLE.sub(value, text)
