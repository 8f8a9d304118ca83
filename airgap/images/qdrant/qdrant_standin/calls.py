"""The calls of the REST API: what each does with the store, and where it is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qdrant_edge as edge

from . import translate
from .errors import engine_errors, unsupported, wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .store import Collection, Store

    Call = Callable[["Request"], Any]

# How a collection is spread and kept, which a single in-process shard has no use for.
_IGNORED = (
    "shard_number",
    "replication_factor",
    "write_consistency_factor",
    "on_disk_payload",
    "hnsw_config",
    "wal_config",
    "optimizers_config",
    "quantization_config",
    "timeout",
)


# What `query` and `search` have in common; `params` tunes an index that a collection this small does not get.
_NEAREST = ("filter", "limit", "offset", "score_threshold", "params", "with_payload", "with_vector")


class Request:
    """One call: the store, the names in its path, its query parameters, its body."""

    def __init__(
        self, store: Store, path: dict[str, str], query: dict[str, str], body: dict[str, Any]
    ) -> None:
        self.store = store
        self.path = path
        self.query = query
        self.body = body

    @property
    def collection(self) -> Collection:
        """The collection that the path names."""
        return self.store.get(self.path["name"])

    def changed(self, operation: edge.UpdateOperation) -> dict[str, Any]:
        """Carry out a change of the collection and return Qdrant's word for it."""
        number = self.collection.update(operation)
        waited = self.query.get("wait", "false") == "true"
        return {"operation_id": number, "status": "completed" if waited else "acknowledged"}


def list_collections(request: Request) -> dict[str, Any]:
    """GET /collections."""
    return {"collections": [{"name": name} for name in request.store.names()]}


def create_collection(request: Request) -> bool:
    """PUT /collections/{name}."""
    translate.known(request.body, "vectors", *_IGNORED)
    request.store.create(request.path["name"], request.body)
    return True


def describe_collection(request: Request) -> dict[str, Any]:
    """GET /collections/{name}."""
    return request.collection.info()


def delete_collection(request: Request) -> bool:
    """DELETE /collections/{name}."""
    return request.store.delete(request.path["name"])


def collection_exists(request: Request) -> dict[str, bool]:
    """GET /collections/{name}/exists."""
    return {"exists": request.path["name"] in request.store.names()}


def create_index(request: Request) -> dict[str, Any]:
    """PUT /collections/{name}/index: a payload index; of its parameters only the type counts."""
    translate.known(request.body, "field_name", "field_schema")
    schema = translate.need(request.body, "field_schema", (str, dict))
    kind = schema if isinstance(schema, str) else translate.need(schema, "type", str)
    if kind not in translate.SCHEMAS:
        raise wrong(f"unknown payload schema {kind!r}, one of {', '.join(translate.SCHEMAS)} is wanted")
    field = translate.need(request.body, "field_name", str)
    return request.changed(edge.UpdateOperation.create_field_index(field, translate.SCHEMAS[kind]))


def upsert(request: Request) -> dict[str, Any]:
    """PUT /collections/{name}/points."""
    with engine_errors():
        points = translate.points(request.body)
    return request.changed(edge.UpdateOperation.upsert_points(points))


def delete_points(request: Request) -> dict[str, Any]:
    """POST /collections/{name}/points/delete: by ids or by a filter."""
    translate.known(request.body, "points", "filter")
    if ("points" in request.body) == ("filter" in request.body):
        raise wrong("one of `points` and `filter` is wanted")
    with engine_errors():
        if "points" in request.body:
            ids = [translate.point_id(each) for each in translate.need(request.body, "points", list)]
            return request.changed(edge.UpdateOperation.delete_points(list(ids)))
        wanted = translate.filter_of(translate.need(request.body, "filter", dict)) or edge.Filter()
        return request.changed(edge.UpdateOperation.delete_points_by_filter(wanted))


def set_payload(request: Request) -> dict[str, Any]:
    """POST /collections/{name}/points/payload: adds keys, for ids or for what a filter finds."""
    translate.known(request.body, "payload", "points", "filter")
    if ("points" in request.body) == ("filter" in request.body):
        raise wrong("one of `points` and `filter` is wanted")
    payload = translate.need(request.body, "payload", dict)
    with engine_errors():
        if "points" in request.body:
            ids = [translate.point_id(each) for each in translate.need(request.body, "points", list)]
            return request.changed(edge.UpdateOperation.set_payload(list(ids), payload))
        wanted = translate.filter_of(translate.need(request.body, "filter", dict)) or edge.Filter()
        return request.changed(edge.UpdateOperation.set_payload_by_filter(wanted, payload))


def get_points(request: Request) -> list[dict[str, Any]]:
    """POST /collections/{name}/points: by ids."""
    translate.known(request.body, "ids", "with_payload", "with_vector")
    ids = [translate.point_id(each) for each in translate.need(request.body, "ids", list)]
    selected = translate.selected(request.body, payload=True)
    collection = request.collection
    with collection.lock, engine_errors():
        return translate.records(collection.shard.retrieve(list(ids), **selected))


def query(request: Request) -> dict[str, Any]:
    """POST /collections/{name}/points/query: nearest to a vector; without one, any."""
    body = request.body
    translate.known(body, "query", "using", *_NEAREST)
    return {"points": _nearest(request, translate.nearest(body.get("query"), body.get("using")))}


def search(request: Request) -> list[dict[str, Any]]:
    """POST /collections/{name}/points/search: the call that `query` replaced."""
    body = request.body
    translate.known(body, "vector", *_NEAREST)
    vector, using = translate.need(body, "vector", (list, dict)), None
    if isinstance(vector, dict):
        translate.known(vector, "name", "vector")
        vector, using = translate.need(vector, "vector", list), translate.need(vector, "name", str)
    return _nearest(request, translate.nearest(vector, using))


def _nearest(request: Request, query: edge.Query | None) -> list[dict[str, Any]]:
    body, collection = request.body, request.collection
    with collection.lock, engine_errors():
        wanted = edge.QueryRequest(
            limit=body.get("limit", 10),
            offset=body.get("offset"),
            query=query,
            filter=translate.filter_of(body.get("filter")),
            score_threshold=body.get("score_threshold"),
            **translate.selected(body, payload=False),
        )
        return translate.records(collection.shard.query(wanted))


def scroll(request: Request) -> dict[str, Any]:
    """POST /collections/{name}/points/scroll: in the order of ids."""
    body, collection = request.body, request.collection
    translate.known(body, "offset", "limit", "filter", "with_payload", "with_vector")
    offset = body.get("offset")
    with collection.lock, engine_errors():
        wanted = edge.ScrollRequest(
            offset=None if offset is None else translate.point_id(offset),
            limit=body.get("limit", 10),
            filter=translate.filter_of(body.get("filter")),
            **translate.selected(body, payload=True),
        )
        found, following = collection.shard.scroll(wanted)
    return {"points": translate.records(found), "next_page_offset": translate.shown_id(following)}


def count(request: Request) -> dict[str, int]:
    """POST /collections/{name}/points/count."""
    translate.known(request.body, "filter", "exact")
    collection = request.collection
    with collection.lock, engine_errors():
        wanted = translate.filter_of(request.body.get("filter"))
        return {"count": collection.shard.count(edge.CountRequest(exact=True, filter=wanted))}


CALLS: Mapping[tuple[str, str], Call] = {
    ("GET", "/collections"): list_collections,
    ("PUT", "/collections/{name}"): create_collection,
    ("GET", "/collections/{name}"): describe_collection,
    ("DELETE", "/collections/{name}"): delete_collection,
    ("GET", "/collections/{name}/exists"): collection_exists,
    ("PUT", "/collections/{name}/index"): create_index,
    ("PUT", "/collections/{name}/points"): upsert,
    ("POST", "/collections/{name}/points"): get_points,
    ("POST", "/collections/{name}/points/delete"): delete_points,
    ("POST", "/collections/{name}/points/payload"): set_payload,
    ("POST", "/collections/{name}/points/query"): query,
    ("POST", "/collections/{name}/points/search"): search,
    ("POST", "/collections/{name}/points/scroll"): scroll,
    ("POST", "/collections/{name}/points/count"): count,
}


def find(method: str, path: list[str]) -> tuple[Call, dict[str, str]]:
    """Return the call for a method and a path's decoded parts, and the names in them; else 501."""
    for (known_method, pattern), call in CALLS.items():
        parts = pattern.strip("/").split("/")
        if method == known_method and len(parts) == len(path):
            pairs = list(zip(parts, path, strict=True))
            if all(part == word or part[0] == "{" for part, word in pairs):
                return call, {part.strip("{}"): word for part, word in pairs if part[0] == "{"}
    raise unsupported(f"{method} /{'/'.join(path)}")
