"""Evaluate an arithmetic expression from a model safely: allowed syntax only, bounded numbers, no eval."""

import ast
import math
import operator
import re
from collections.abc import Callable

MAX_LENGTH = 200
# About 1,200 decimal digits: more than enough, and any operation takes only microseconds.
MAX_BITS = 4096

Number = int | float

_CHARACTERS = re.compile(r"[0-9eE.+\-*/%() ]+")
_UNARY: dict[type[ast.unaryop], Callable[[Number], Number]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


class CalculationError(ValueError):
    """The expression cannot be evaluated; the text gives the reason."""


def calculate(expression: str) -> str:
    """Evaluate numbers with + - * / // % ** and parentheses. Raise CalculationError if that is impossible."""
    if len(expression) > MAX_LENGTH:
        raise CalculationError(f"the expression is longer than {MAX_LENGTH} characters")
    if not _CHARACTERS.fullmatch(expression):
        raise CalculationError("only numbers, + - * / // % ** and parentheses are understood")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, MemoryError, RecursionError):
        raise CalculationError("this is not an arithmetic expression") from None
    try:
        value = _value(tree.body)
    except ZeroDivisionError:
        raise CalculationError("division by zero") from None
    except OverflowError:
        raise CalculationError("a number is too large") from None
    return str(value) if isinstance(value, int) else format(value, ".15g")


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return _bounded(value)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_value(operand))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _bounded(_power(_value(left), _value(right)))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _bounded(_BINARY[type(op)](_value(left), _value(right)))
    raise CalculationError("only numbers, + - * / // % ** and parentheses are understood")


def _power(base: Number, exponent: Number) -> Number:
    # Checked before the calculation, because 9**9**9 would take hours and all memory.
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > 2 * MAX_BITS:
        raise OverflowError
    result = base**exponent
    if isinstance(result, complex):
        raise CalculationError("a root of a negative number is not a real number")
    return result


def _bounded(value: Number) -> Number:
    too_large = value.bit_length() > MAX_BITS if isinstance(value, int) else not math.isfinite(value)
    if too_large:
        raise OverflowError
    return value
