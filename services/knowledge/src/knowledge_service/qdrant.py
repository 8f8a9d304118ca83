"""A client of Qdrant's REST API: the nine calls that this service needs, for one collection."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import structlog
from aip_common.problems import Problem, dependency_unavailable
from aip_common.upstream import Upstream
from pydantic import SecretStr

from knowledge_service import metrics

NAME = "qdrant"
READ_SECONDS = 2.0
WRITE_SECONDS = 10.0
_NOT_FOUND = 404
_INDEXED = (
    ("tenant_id", {"type": "keyword", "is_tenant": True}),
    ("document_id", {"type": "keyword"}),
    ("status", {"type": "keyword"}),
)

Json = dict[str, Any]
log = structlog.get_logger()


class Point(NamedTuple):
    """A vector with its id and payload."""

    id: str
    vector: list[float]
    payload: Json


def where(must: Mapping[str, object], must_not: Mapping[str, object] | None = None) -> Json:
    """Return a filter for points whose payload has all of the first values and none of the others."""
    return {
        "must": [{"key": key, "match": {"value": value}} for key, value in must.items()],
        "must_not": [{"key": key, "match": {"value": value}} for key, value in (must_not or {}).items()],
    }


class Qdrant:
    """A collection.

    Methods raise the 503 problem that names Qdrant; `missing` is set while it does not exist.
    """

    def __init__(self, service: str, url: str, api_key: SecretStr | None, collection: str) -> None:
        self.missing = asyncio.Event()
        self.missing.set()
        self.collection = collection
        self._upstream = Upstream(service, NAME, url)
        self._headers = {"api-key": api_key.get_secret_value()} if api_key else {}

    async def aclose(self) -> None:
        """Close the connections."""
        await self._upstream.aclose()

    async def vector_size(self) -> int | None:
        """Return the size of the collection's vectors, or None if the collection does not exist."""
        answer = await self._call("describe", "GET", "", seconds=READ_SECONDS)
        return None if answer is None else int(answer["config"]["params"]["vectors"]["size"])

    async def create(self, size: int) -> None:
        """Create the collection for vectors of `size` numbers."""
        await self._do("create", "PUT", "", {"vectors": {"size": size, "distance": "Cosine"}})

    async def index(self) -> None:
        """Index the payload fields that filters use; may be repeated."""
        for field, schema in _INDEXED:
            await self._do("index", "PUT", "/index?wait=true", {"field_name": field, "field_schema": schema})

    async def upsert(self, points: Iterable[Point]) -> None:
        """Write points, replacing points with the same id."""
        body = {"points": [point._asdict() for point in points]}
        await self._do("upsert", "PUT", "/points?wait=true", body)

    async def set_payload(self, payload: Json, points: Json) -> None:
        """Set payload values of the points that match a filter."""
        body = {"payload": payload, "filter": points}
        await self._do("set_payload", "POST", "/points/payload?wait=true", body)

    async def delete(self, points: Json) -> None:
        """Delete the points that match a filter."""
        await self._do("delete", "POST", "/points/delete?wait=true", {"filter": points})

    async def first(self, points: Json) -> Json | None:
        """Return the payload of one of the points that match a filter."""
        body = {"filter": points, "limit": 1, "with_payload": True}
        answer = await self._do("scroll", "POST", "/points/scroll", body, READ_SECONDS)
        return answer["points"][0]["payload"] if answer["points"] else None

    async def nearest(self, vector: list[float], points: Json, limit: int) -> list[Json]:
        """Return `score` and `payload` of the points nearest to a vector that match a filter."""
        body = {"query": vector, "filter": points, "limit": limit, "with_payload": True}
        answer = await self._do("query", "POST", "/points/query", body, READ_SECONDS)
        hits: list[Json] = answer["points"]
        return hits

    async def _do(
        self, operation: str, method: str, path: str, body: Json, seconds: float = WRITE_SECONDS
    ) -> Any:  # noqa: ANN401 - the JSON value of the operation
        answer = await self._call(operation, method, path, seconds=seconds, json=body)
        if answer is None:
            raise dependency_unavailable(NAME)
        return answer

    async def _call(self, operation: str, method: str, path: str, **content: Any) -> Any:  # noqa: ANN401 - as above
        """Return the response's result; if the collection does not exist, set `missing` and return None."""
        started = time.perf_counter()
        outcome = "unavailable"
        try:
            answer = await self._upstream.call(
                method, f"/collections/{self.collection}{path}", headers=self._headers, **content
            )
            outcome = "ok" if answer.is_success else "refused"
        except Problem as problem:
            outcome = problem.code
            raise
        finally:
            took = time.perf_counter() - started
            metrics.QDRANT_SECONDS.labels(operation, outcome).observe(took)
        if answer.is_success:
            return answer.json()["result"]
        if answer.status_code == _NOT_FOUND:
            self.missing.set()
            return None
        # Only the status is logged, because Qdrant's text may quote a payload.
        log.error("qdrant refused", operation=operation, status=answer.status_code)
        raise dependency_unavailable(NAME)
