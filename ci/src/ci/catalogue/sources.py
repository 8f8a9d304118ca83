"""Find the errors that code raises, without running it.

An error is a call with the keyword `hint`. In this package its first argument is the code, which must be a
literal; a function that returns `PipelineError` may pass on a code from its callers. A call whose code is an
attribute (`error.code`) re-raises another error and is not an entry.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.catalogue.expressions import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Entry", "read"]

_ERRORS = ("PipelineError", "AirgapError")
_NEXT = ("hint", "hint")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Site = tuple[ast.Call, Function | None]


@dataclass(frozen=True)
class Entry:
    """An error: its code, text and hint, with values that are only known at run time in braces.

    Errors of airgap have no code.
    """

    code: str
    text: str
    hint: str


def read(source: str, module: str, *, coded: bool = True) -> list[Entry]:
    """Return the errors of one module in the order of lines; `coded` is whether they have codes.

    Raise ValueError for a code that is not a literal.
    """
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    constants = Scope({}, functions).after(assigned, len(source))
    calls = list(_calls(tree, None))
    found = []
    for call, function in calls:
        if _makes_error(call, coded=coded):
            for scope in _scopes(function, calls, constants, call.lineno):
                code = _code(call, scope, f"{module}:{call.lineno}") if coded else ""
                found.append(_entry(code, call.args[coded], call, scope))
    return list(dict.fromkeys(found))


def _calls(node: ast.AST, function: Function | None) -> Iterator[Site]:
    """Yield each call with its enclosing function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, function
        yield from _calls(child, child if isinstance(child, Function) else function)


def _makes_error(call: ast.Call, *, coded: bool) -> bool:
    match call:
        case ast.Call(args=[ast.Attribute(attr="code"), *_]):
            return False
        case ast.Call(func=ast.Name(id=name), args=[_, *_]) if name in _ERRORS:
            return True
    return len(call.args) > coded and any(word.arg in _NEXT for word in call.keywords)


def _code(call: ast.Call, scope: Scope, where: str) -> str:
    """Return the code of an error: a literal, or a caller's argument for the parameter of a helper."""
    node: ast.expr = call.args[0]
    if isinstance(node, ast.Name) and node.id in scope.names:
        node = scope.names[node.id][0]
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(call.args) > 1:
        return node.value
    msg = f"{where}: the first argument of an error must be a literal code, not {ast.unparse(node)}"
    raise ValueError(msg)


def _scopes(function: Function | None, calls: list[Site], constants: Scope, line: int) -> Iterator[Scope]:
    """Yield scopes: one, or if a helper builds the error, one for each call of the helper."""
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
    return isinstance(function.returns, ast.Name) and function.returns.id in _ERRORS


def _entry(code: str, what: ast.expr, call: ast.Call, scope: Scope) -> Entry:
    hint = next((word.value for word in call.keywords if word.arg in _NEXT), None)
    return Entry(code, scope.text(what), scope.text(hint) if hint else "")
