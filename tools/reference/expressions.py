"""What text an expression of Python makes, read without running it: `{name}` where only the run knows."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Scope"]

_UNKNOWN = "{…}"


@dataclass(frozen=True)
class Scope:
    """What names stand for at one place: an expression, and the scope that it is read in."""

    names: Mapping[str, tuple[ast.expr, Scope]]

    def after(self, statements: Iterable[ast.AST], line: int) -> Scope:
        """Return the scope with what these statements, and those in them, assign before a line."""
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
                    names[target.id] = (node.value, Scope(dict(names)))
        return Scope(names)

    def text(self, node: ast.expr) -> str:  # noqa: C901, PLR0911 - one line for each kind of expression
        """Return the text that an expression makes."""
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
                texts = [text for text in (self.text(body), self.text(other)) if text]
                return texts[0] if len(texts) == 1 else f"{{{' or '.join(texts)}}}"
            case ast.Name(id=name):
                return self._named(name)
            case ast.Attribute(attr=name):
                return f"{{{'type' if name == '__name__' else name}}}"
            case ast.Call(func=ast.Name(id="len")):
                return "{number}"
            case ast.BoolOp(values=[first, *_]):
                return self.text(first)
            case ast.Call(func=ast.Attribute(attr="join"), args=[ast.GeneratorExp(generators=[each])]):
                return self.text(each.iter)
            case ast.Call(func=ast.Attribute(attr="join") | ast.Name(id="sorted"), args=[joined]):
                return self.text(joined)
        return _UNKNOWN

    def _named(self, name: str) -> str:
        """Return the text that a name stands for; the name itself where that says more."""
        if name in self.names:
            value, scope = self.names[name]
            if isinstance(value, ast.Constant | ast.JoinedStr | ast.BinOp | ast.IfExp | ast.Name):
                text = scope.text(value)
                return f"{{{name}}}" if text == _UNKNOWN else text
        return f"{{{name}}}"
