"""Evaluate text expressions of Python without running them, with `{name}` for unknown values."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Scope"]

_UNKNOWN = "{…}"


@dataclass(frozen=True)
class Scope:
    """The meaning of names at one place: for each an expression and the scope to evaluate it in.

    `functions` are the module's functions that may build a text.
    """

    names: Mapping[str, tuple[ast.expr, Scope]]
    functions: Mapping[str, ast.FunctionDef] = field(default_factory=dict)

    def after(self, statements: Iterable[ast.AST], line: int) -> Scope:
        """Extend the scope by the assignments of these and nested statements before a line."""
        names = dict(self.names)
        assigned = [
            node
            for statement in statements
            for node in ast.walk(statement)
            if isinstance(node, ast.Assign) and node.lineno < line
        ]
        for node in sorted(assigned, key=lambda node: node.lineno):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    names[target.id] = (node.value, Scope(dict(names), self.functions))
        return Scope(names, self.functions)

    def text(self, node: ast.expr) -> str:  # noqa: C901, PLR0911, PLR0912 - one line for each kind of expression
        """Return the text of an expression."""
        match node:
            case ast.Constant(value=value):
                return str(value)
            case ast.JoinedStr(values=values):
                return "".join(self.text(value) for value in values)
            case ast.FormattedValue(value=value):
                return self.text(value)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self.text(left) + self.text(right)
            case ast.IfExp(test=ast.Name(id=name), orelse=other) if self._named(name) == "":
                return self.text(other)
            case ast.IfExp(body=body, orelse=other):
                return _either([self.text(body), self.text(other)])
            case ast.Name(id=name):
                return self._named(name)
            case ast.Attribute(attr=name):
                return f"{{{'type' if name == '__name__' else name}}}"
            case ast.Call(func=ast.Name(id="len")):
                return "{number}"
            case ast.Call(func=ast.Name(id="written"), args=[value]):
                return self.text(value)
            case ast.BoolOp(values=[first, *_]):
                return self.text(first)
            case ast.Call(
                func=ast.Attribute(attr="join"), args=[ast.GeneratorExp(elt=made, generators=[each])]
            ):
                return self._returned(made) or self.text(each.iter)
            case ast.Call(func=ast.Attribute(attr="join") | ast.Name(id="sorted"), args=[joined]):
                return self.text(joined)
        return self._returned(node) or _UNKNOWN

    def _returned(self, node: ast.expr) -> str:
        """Return the text that a call of a module's function returns; "" if it is not such a call."""
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in self.functions:
                body = self.functions[name].body
                others = {key: value for key, value in self.functions.items() if key != name}
                scope = Scope(self.names, others)  # stop at recursive calls
                returns = [each for part in body for each in ast.walk(part) if isinstance(each, ast.Return)]
                return _either(
                    [scope.after(body, each.lineno).text(each.value) for each in returns if each.value]
                )
        return ""

    def _named(self, name: str) -> str:
        """Return the text of a name; the name itself if that is more informative."""
        if name in self.names:
            value, scope = self.names[name]
            if isinstance(value, ast.Constant | ast.JoinedStr | ast.BinOp | ast.IfExp | ast.Name):
                text = scope.text(value)
                return f"{{{name}}}" if text == _UNKNOWN else text
        return f"{{{name}}}"


def _either(texts: list[str]) -> str:
    """Join two alternative texts, without empty ones."""
    known = list(dict.fromkeys(text for text in texts if text))
    known = [text for text in known if text != _UNKNOWN] or known
    return known[0] if len(known) == 1 else f"{{{' or '.join(known)}}}"
