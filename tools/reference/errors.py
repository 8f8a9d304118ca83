"""The catalogue of errors: every place of the code that makes one, read without running it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tools.reference.expressions import Scope
from tools.reference.markdown import code, header, table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Entry", "entries", "page", "read"]

ROOT = Path(__file__).parents[2]
FOLDERS = ("ci/src/ci", "airgap")
_CLASSES = ("PipelineError", "AirgapError")
_NEXT = ("next_step", "hint")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Site = tuple[ast.Call, Function | None]


@dataclass(frozen=True)
class Entry:
    """One error: its text and its next step, with what is only known when it happens in braces.

    `id` is the place that makes it, as `ci.errors` tells it when it happens.
    """

    module: str
    id: str
    text: str
    next_step: str


def entries() -> list[Entry]:
    """Return every error of the code in order of modules and lines; the same text of a place is one error."""
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    found: dict[tuple[str, str], Entry] = {}
    for path in files:
        for entry in read(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))):
            key = (entry.id, entry.text)
            same = found.setdefault(key, entry)
            if entry.next_step not in same.next_step:
                found[key] = replace(same, next_step=f"{same.next_step}; or: {entry.next_step}")
    return list(found.values())


def read(source: str, module: str) -> list[Entry]:
    """Return the errors of one module, each once, in order of its lines."""
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    constants = Scope({}, functions).after(assigned, len(source))
    calls = list(_calls(tree, None))
    names = dict(_names(tree, ()))
    found = []
    for call, function in calls:
        if _makes_error(call):
            place = _place(module, names[function] if function else ())
            scopes = _scopes(function, calls, constants, call.lineno)
            found += [_entry(module, place, call, scope) for scope in scopes]
    return list(dict.fromkeys(found))


def _calls(node: ast.AST, function: Function | None) -> Iterator[Site]:
    """Yield each call with the function that it is in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, function
        yield from _calls(child, child if isinstance(child, Function) else function)


def _names(node: ast.AST, outer: tuple[str, ...]) -> Iterator[tuple[ast.AST, tuple[str, ...]]]:
    """Yield each function with its name and those that it is in."""
    for child in ast.iter_child_nodes(node):
        names = (*outer, child.name) if isinstance(child, Function | ast.ClassDef) else outer
        yield child, names
        yield from _names(child, names)


def _place(module: str, names: tuple[str, ...]) -> str:
    parts = module.removeprefix("ci/src/ci/").removesuffix(".py").removesuffix("/__init__").split("/")
    return ".".join([*parts, *(name.strip("_") for name in names if name != "__init__")])


def _makes_error(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id=name):
            return name in _CLASSES and bool(call.args)  # without: one that is passed on
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"):
            return any(word.arg in _NEXT for word in call.keywords)
    return False


def _scopes(function: Function | None, calls: list[Site], constants: Scope, line: int) -> Iterator[Scope]:
    """Yield what names stand for: where a helper makes the error, once for each call of the helper."""
    if function is None:
        yield constants
        return
    helped = [
        site for site in calls if isinstance(site[0].func, ast.Name) and site[0].func.id == function.name
    ]
    if not helped or not _returns_error(function):
        yield constants.after(function.body, line)
    for call, caller in helped if _returns_error(function) else ():
        outer = constants if caller is None else constants.after(caller.body, call.lineno)
        names = [argument.arg for argument in function.args.args]
        given = {name: (value, outer) for name, value in zip(names, call.args, strict=False)}
        given |= {word.arg: (word.value, outer) for word in call.keywords if word.arg}
        yield Scope({**constants.names, **given}, constants.functions).after(function.body, line)


def _returns_error(function: Function) -> bool:
    return isinstance(function.returns, ast.Name) and function.returns.id in _CLASSES


def _entry(module: str, place: str, call: ast.Call, scope: Scope) -> Entry:
    next_step = next((word.value for word in call.keywords if word.arg in _NEXT), None)
    return Entry(module, place, scope.text(call.args[0]), scope.text(next_step) if next_step else "")


def page() -> str:
    """Return the page's text."""
    lines = header("Errors", "the code that raises them")
    lines += [
        "An error says what was wrong, with which value, after `Next:` what to do, and after `Id:` which",
        "it is: the place in the code that makes it; those of `airgap` are found by their text. What is in",
        "braces is only known when it happens.",
        "",
    ]
    by_module: dict[str, list[Entry]] = {}
    for entry in entries():
        by_module.setdefault(entry.module, []).append(entry)
    for module, found in by_module.items():
        lines += [f"## {code(module)}", ""]
        anchored = {each.id: each for each in reversed(found)}
        rows = [
            [
                f'<a id="{each.id}"></a>{code(each.id)}' if anchored[each.id] is each else code(each.id),
                code(each.text),
                each.next_step,
            ]
            for each in found
        ]
        lines += table(["id", "error", "next"], rows)
    return "\n".join(lines).rstrip() + "\n"
