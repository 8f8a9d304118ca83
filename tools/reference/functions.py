"""Generate the page of the module's functions, from the annotations and docstrings that Dagger reads."""

from __future__ import annotations

import inspect
import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import dagger
from dagger import DefaultPath, Doc

from ci.main import Ci
from tools.reference.markdown import code, header, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Argument", "Function", "functions", "page"]

_TAKES = {
    str: "text",
    int: "number",
    bool: "flag",
    list[str]: "texts, separated by commas",
    dagger.File: "file",
    dagger.Directory: "folder",
    dagger.Secret: "secret",
    dagger.Service: "service",
    dagger.Socket: "socket",
    dagger.Container: "container",
    dagger.Changeset: "changes",
}


@dataclass(frozen=True)
class Argument:
    """An option of a function, as on the command line."""

    name: str
    takes: str
    default: str
    description: str


@dataclass(frozen=True)
class Function:
    """A function and the words that call it; `words` is empty for the constructor."""

    words: tuple[str, ...]
    description: str
    arguments: tuple[Argument, ...]
    returns: str


def functions() -> Iterator[Function]:
    """Yield the constructor and every function that can be called, sorted by name."""
    yield Function((), inspect.getdoc(Ci) or "", _arguments(Ci, Ci), "")
    yield from _of(Ci, ())


def _of(cls: type, words: tuple[str, ...]) -> Iterator[Function]:
    for name, function in inspect.getmembers(cls, lambda member: hasattr(member, "__dagger_function__")):
        here = (*words, _command(name))
        result = typing.get_type_hints(function)["return"]
        chained = result.__module__.startswith("ci.")
        if result is cls:
            returns = f"the same object as `{' '.join(words)}`"
        else:
            returns = "an object whose functions are listed below" if chained else _TAKES[result]
        yield Function(here, inspect.getdoc(function) or "", _arguments(function, function), returns)
        if chained and result is not cls:
            yield from _of(result, here)


def _arguments(owner: Callable[..., Any] | type, hinted: object) -> tuple[Argument, ...]:
    hints = typing.get_type_hints(hinted, include_extras=True)
    parameters = inspect.signature(owner).parameters.values()
    return tuple(_argument(each, hints[each.name]) for each in parameters if each.name != "self")


def _argument(parameter: inspect.Parameter, hint: Any) -> Argument:  # noqa: ANN401 - any annotation
    notes: tuple[Any, ...] = ()
    if typing.get_origin(hint) is Annotated:
        hint, *rest = typing.get_args(hint)
        notes = tuple(rest)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        hint = next(each for each in typing.get_args(hint) if each is not type(None))
    described = next((note.documentation for note in notes if isinstance(note, Doc)), "")
    has_path = any(isinstance(note, DefaultPath) for note in notes)
    return Argument(
        f"--{_command(parameter.name)}", _TAKES[hint], "" if has_path else _default(parameter), described
    )


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return "required"
    if parameter.default in (None, "", False):
        return ""
    return str(parameter.default)


def _command(name: str) -> str:
    """Convert a Python name to its form on Dagger's command line."""
    return name.rstrip("_").replace("_", "-")


def page() -> str:
    """Generate the text of the page."""
    lines = header("Functions", "the module's annotations and docstrings (`ci/src/ci/main.py`)")
    lines += [
        "`dagger functions` and `dagger call NAME --help` print the same. An empty default means none, or",
        "what the last column says. Pass a secret as `env:VARIABLE`, `file:PATH` or `cmd:COMMAND`, a",
        "service as `tcp://HOST:PORT`, a socket as its path. Functions that return a folder are followed by",
        "`export --path FOLDER`.",
        "",
    ]
    for each in functions():
        lines += [f"## {code(' '.join(('dagger call', *each.words)))}", "", each.description, ""]
        lines += [f"Returns: {each.returns}.", ""] if each.returns else []
        rows = [[code(it.name), it.takes, it.default, it.description] for it in each.arguments]
        lines += table(["option", "takes", "default", "is"], rows) if rows else []
    return "\n".join(lines).rstrip() + "\n"
