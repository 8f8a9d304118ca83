"""JSON of Qdrant's REST API to the engine's objects and back; a key that is not known is refused."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from .errors import unsupported, wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DISTANCES = {name: getattr(edge.Distance, name) for name in ("Cosine", "Dot", "Euclid", "Manhattan")}
SCHEMAS = {
    name.lower(): getattr(edge.PayloadSchemaType, name)
    for name in ("Bool", "Datetime", "Float", "Geo", "Integer", "Keyword", "Text", "Uuid")
}
_MATCHES: dict[str, Callable[[Any], edge.MatchType]] = {"value": edge.MatchValue, "any": edge.MatchAny}
# How vectors are kept, which changes no result here.
_TUNING = ("on_disk", "hnsw_config", "quantization_config", "datatype")


def known(body: Mapping[str, Any], *keys: str) -> None:
    """Refuse a body that has other keys."""
    other = sorted(set(body) - set(keys))
    if other:
        raise unsupported(f"`{'`, `'.join(other)}` here; it knows {', '.join(keys)}")


def need(body: Mapping[str, Any], key: str, kind: type | tuple[type, ...]) -> Any:  # noqa: ANN401 - JSON
    """Return a value that must be there and of that kind; a truth value is no number."""
    if key not in body:
        raise wrong(f"missing field `{key}`")
    value = body[key]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise wrong(f"`{key}`: {value!r} is of the wrong type")
    return value


def config(body: Mapping[str, Any]) -> edge.EdgeConfig:
    """Return a collection's configuration from the `vectors` of its creation."""
    vectors = need(body, "vectors", dict)
    if "size" in vectors or not vectors:
        return edge.EdgeConfig(vectors=_vector_params(vectors))
    return edge.EdgeConfig(vectors={name: _vector_params(each) for name, each in vectors.items()})


def _vector_params(body: Any) -> edge.EdgeVectorParams:  # noqa: ANN401 - JSON
    if not isinstance(body, dict):
        raise wrong(f"vector parameters: {body!r} is of the wrong type")
    known(body, "size", "distance", *_TUNING)
    distance = need(body, "distance", str)
    if distance not in DISTANCES:
        raise wrong(f"unknown distance {distance!r}, one of {', '.join(DISTANCES)} is wanted")
    size = need(body, "size", int)
    if size < 1:
        raise wrong(f"vector size {size} is not a positive number")
    return edge.EdgeVectorParams(size=size, distance=DISTANCES[distance])


def point_id(value: Any) -> int | str:  # noqa: ANN401 - JSON
    """Return a point's id: an unsigned number or a UUID."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64:
        return value
    try:
        return str(uuid.UUID(value))
    except (AttributeError, TypeError, ValueError):
        raise wrong(
            f"value {value!r} is not a valid point ID: an unsigned integer or a UUID is wanted"
        ) from None


def points(body: Mapping[str, Any]) -> list[edge.Point]:
    """Return the points of an upsert."""
    known(body, "points")
    found = need(body, "points", list)
    if not all(isinstance(each, dict) for each in found):
        raise wrong("`points`: every point is an object with id, vector and payload")
    return [_point(each) for each in found]


def _point(body: dict[str, Any]) -> edge.Point:
    known(body, "id", "vector", "payload")
    return edge.Point(point_id(body.get("id")), need(body, "vector", (list, dict)), body.get("payload"))


def selected(body: Mapping[str, Any], *, payload: bool) -> dict[str, Any]:
    """Return with_payload and with_vector for the engine; ``payload`` is what holds when nothing is said."""
    vector = body.get("with_vector", False)
    return {"with_payload": body.get("with_payload", payload), "with_vector": vector}


def filter_of(body: Any) -> edge.Filter | None:  # noqa: ANN401 - JSON
    """Return a filter, None for none."""
    if body is None:
        return None
    if not isinstance(body, dict):
        raise wrong(f"filter: {body!r} is not an object")
    known(body, "must", "should", "must_not")
    return edge.Filter(
        must=_conditions(body.get("must")),
        should=_conditions(body.get("should")),
        must_not=_conditions(body.get("must_not")),
    )


def _conditions(body: Any) -> list[Any] | None:  # noqa: ANN401 - JSON
    if body is None:
        return None
    return [_condition(each) for each in (body if isinstance(body, list) else [body])]


def _condition(body: Any) -> Any:  # noqa: ANN401 - JSON to one of the engine's conditions
    if not isinstance(body, dict):
        raise wrong(f"filter condition: {body!r} is not an object")
    if "key" in body:
        return _field(body)
    if "has_id" in body:
        known(body, "has_id")
        return edge.HasIdCondition({point_id(each) for each in need(body, "has_id", list)})
    return filter_of(body)


def _field(body: Mapping[str, Any]) -> edge.FieldCondition:
    known(body, "key", "match", "range")
    if ("match" in body) == ("range" in body):
        raise wrong("a field condition has one of `match` and `range`")
    key = need(body, "key", str)
    if "range" in body:
        limits = need(body, "range", dict)
        known(limits, "gt", "gte", "lt", "lte")
        dates = any(isinstance(each, str) for each in limits.values())
        return edge.FieldCondition(key, range=(edge.RangeDateTime if dates else edge.RangeFloat)(**limits))
    match = need(body, "match", dict)
    known(match, *_MATCHES)
    if len(match) != 1:
        raise wrong(f"`match` has one of {', '.join(_MATCHES)}")
    ((kind, value),) = match.items()
    if isinstance(value, bool):
        # qdrant-edge-py 0.9.0 takes it for the number 1 or 0, which would find nothing.
        raise unsupported("a match with a truth value")
    return edge.FieldCondition(key, match=_MATCHES[kind](value))


def nearest(query: Any, using: str | None) -> edge.Query | None:  # noqa: ANN401 - JSON
    """Return the query of `points/query`: a vector, or `{"nearest": vector}`; None for none."""
    if isinstance(query, dict):
        known(query, "nearest")
        query = query.get("nearest")
    if query is None:
        return None
    if not isinstance(query, list):
        raise unsupported(f"a query by {query!r}; it knows a vector")
    return edge.Query.Nearest(query, using)


def record(point: edge.Record | edge.ScoredPoint) -> dict[str, Any]:
    """Return a point as JSON; payload and vector only where they were asked for."""
    found: dict[str, Any] = {"id": shown_id(point.id)}
    if isinstance(point, edge.ScoredPoint):
        found |= {"version": point.version, "score": point.score}
    if point.payload is not None:
        found["payload"] = point.payload
    if point.vector is not None:
        found["vector"] = point.vector
    return found


def records(found: Sequence[edge.Record | edge.ScoredPoint]) -> list[dict[str, Any]]:
    """Return points as JSON."""
    return [record(each) for each in found]


def shown_id(value: edge.PointId | None) -> int | str | None:
    """Return an id as JSON."""
    return value if value is None or isinstance(value, int) else str(value)


def schema_name(schema: edge.PayloadSchemaType) -> str:
    """Return the name of a payload index's type."""
    return next(name for name, each in SCHEMAS.items() if each == schema)
