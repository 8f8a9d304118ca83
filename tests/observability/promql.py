"""The labels that a PromQL query requires and returns."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import promql_parser as pp

Labels = frozenset[str]
Known = Mapping[str, Labels]

# What Grafana puts in before a query is sent, replaced by something that parses.
_INTERVAL = re.compile(r"\$__rate_interval\b")
_VARIABLE = re.compile(r"\$\{?\w+\}?")


class ContractError(AssertionError):
    """A query uses a metric that is not exported, or can never return a result."""


def labels_of(query: str, known: Known) -> Labels:
    """Return the labels of the query's result.

    Raises ContractError if it uses a metric or label that is not known, or if its parts can never match.
    """
    return _labels(_parse(query), known) or frozenset()


def matchers_of(query: str) -> Iterator[tuple[str, str, str]]:
    """Yield metric, label and value (a pattern or a text) of each matcher in the query."""
    for selector in _selectors(query):
        for matcher in selector.matchers.matchers:
            yield selector.name or "", matcher.name, matcher.value


def metrics_of(query: str) -> set[str]:
    """Return the names of the series that the query selects."""
    return {selector.name or "" for selector in _selectors(query)}


def _selectors(query: str) -> list[pp.VectorSelector]:
    found: list[pp.VectorSelector] = []

    def note(node: pp.Expr) -> None:
        if isinstance(node, pp.VectorSelector):
            found.append(node)

    pp.walk(_parse(query), note)
    return found


def _parse(query: str) -> pp.Expr:
    return pp.parse(_VARIABLE.sub("x", _INTERVAL.sub("5m", query)))


def _labels(node: Any, known: Known) -> Labels | None:  # noqa: ANN401 - the parser's nodes and literals
    """Return the labels of a node's result, None for a scalar."""
    if isinstance(node, pp.NumberLiteral):
        return None
    if isinstance(node, pp.ParenExpr | pp.UnaryExpr | pp.SubqueryExpr):
        return _labels(node.expr, known)
    for kind, reader in _READERS.items():
        if isinstance(node, kind):
            return reader(node, known)
    raise ContractError(f"{type(node).__name__} is not understood here: teach it to this module")


def _selector(node: pp.VectorSelector, known: Known) -> Labels:
    name = node.name or ""
    if name not in known:
        raise ContractError(f"no service exports {name!r}")
    for matcher in node.matchers.matchers:
        _require({matcher.name}, known[name], f"a matcher of {name}")
    return known[name]


def _aggregate(node: pp.AggregateExpr, known: Known) -> Labels:
    inner = _labels(node.expr, known) or frozenset()
    if node.modifier is None:
        return frozenset()
    named = frozenset(node.modifier.labels)
    _require(named, inner, f"the grouping of {node.expr.prettify().strip()}")
    return named if node.modifier.type == pp.AggModifierType.By else inner - named


def _call(node: pp.Call, known: Known) -> Labels | None:
    arguments = [_labels(argument, known) for argument in node.args]
    vector = next((labels for labels in arguments if labels is not None), None)
    if vector is not None and node.func.name == "histogram_quantile":
        _require({"le"}, vector, "histogram_quantile's argument")
        return vector - {"le"}
    return vector


def _binary(node: pp.BinaryExpr, known: Known) -> Labels | None:
    left, right = _labels(node.lhs, known), _labels(node.rhs, known)
    if left is None or right is None:
        return right if left is None else left
    if node.modifier and (node.modifier.matching or node.modifier.group_labels):
        raise ContractError("on, ignoring and group_left are not understood here: teach them to this module")
    if left != right:
        raise ContractError(f"the sides can never match: {sorted(left)} and {sorted(right)}")
    return left


def _require(wanted: Labels | set[str], there: Labels, where: str) -> None:
    if not wanted <= there:
        raise ContractError(f"{where}: no label {sorted(wanted - there)}, only {sorted(there)}")


_READERS: Mapping[type[pp.Expr], Callable[[Any, Known], Labels | None]] = {
    pp.VectorSelector: _selector,
    pp.MatrixSelector: lambda node, known: _selector(node.vector_selector, known),
    pp.AggregateExpr: _aggregate,
    pp.Call: _call,
    pp.BinaryExpr: _binary,
}
