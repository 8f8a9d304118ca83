"""A running service, its real neighbours, and a fake of Qdrant for where there is no Qdrant."""

import math
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import httpx2
import pytest
from aip_common import identity
from aip_common.identity import Caller
from aip_testing.plugin import Serve
from aip_testing.stub import API_KEY, Stub
from fastapi import FastAPI, HTTPException
from hypothesis import HealthCheck, settings
from knowledge_service.main import SERVICE, create_app
from knowledge_service.settings import Settings
from pydantic import BaseModel, SecretStr

_DONE: dict[str, Any] = {"result": {"status": "completed"}}
SECRET = SecretStr("an-internal-secret-of-the-tests-0123456789")
VARIABLE = "TEST_QDRANT_URL"

# A busy machine is no failure, and what fails once fails again.
settings.register_profile(
    "knowledge", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("knowledge")

Json = dict[str, Any]
Start = Callable[..., str]
ClientOf = Callable[..., httpx2.Client]


@pytest.fixture
def qdrant_url(serve: Serve) -> str:
    """Return the URL of the Qdrant of TEST_QDRANT_URL, or of a fake of it."""
    return os.environ.get(VARIABLE) or serve(_FakeQdrant().app())


@pytest.fixture
def collection(qdrant_url: str) -> Iterator[str]:
    """Return the name of a collection for one test, removed after it."""
    name = f"test_{secrets.token_hex(8)}"
    yield name
    httpx2.delete(f"{qdrant_url}/collections/{name}").raise_for_status()


@pytest.fixture
def start(
    serve: Serve, openai_stub: Stub, qdrant_url: str, collection: str, monkeypatch: pytest.MonkeyPatch
) -> Start:
    """Return a function that serves the service with the settings given and returns its URL."""
    monkeypatch.setattr("aip_common.readiness.CACHE_SECONDS", 0)  # tests wait for a change of readiness

    def started(**settings: Any) -> str:  # noqa: ANN401 - any setting
        values = {
            "azure_openai_endpoint": openai_stub.url,
            "azure_openai_api_key": API_KEY,
            "internal_token_secret": SECRET,
            "qdrant_url": qdrant_url,
            "qdrant_collection": collection,
            "qdrant_retry_seconds": 0.05,
            "llm_max_retries": 0,
        }
        return serve(create_app(Settings(**{**values, **settings})))

    return started


@pytest.fixture
def client_of() -> Iterator[ClientOf]:
    """Return a function that returns a client of the service with a tenant's token."""
    with ExitStack() as stack:

        def client(url: str, tenant: str = "acme") -> httpx2.Client:
            token = identity.issue(SECRET, SERVICE, Caller("key-1", tenant, frozenset()))
            headers = {identity.HEADER: token}
            return stack.enter_context(httpx2.Client(base_url=url, headers=headers, timeout=30))

        yield client


@pytest.fixture
def wait_ready() -> Callable[[httpx2.Client], None]:
    """Return a function that waits until the service is ready."""
    return _wait_ready


@pytest.fixture
def client(start: Start, client_of: ClientOf) -> httpx2.Client:
    """Return a client of tenant acme of a service that is ready."""
    client = client_of(start())
    _wait_ready(client)
    return client


def _wait_ready(client: httpx2.Client) -> None:
    deadline = time.monotonic() + 20
    while (answer := client.get("/ready")).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.02)


class _Point(BaseModel, extra="forbid"):
    id: UUID
    vector: list[float]
    payload: Json


class _Upsert(BaseModel, extra="forbid"):
    points: list[_Point]


class _Match(BaseModel, extra="forbid"):
    value: str | int | bool


class _Condition(BaseModel, extra="forbid"):
    key: str
    match: _Match

    def holds(self, payload: Json) -> bool:
        value: Any = payload
        for part in self.key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return type(value) is type(self.match.value) and value == self.match.value


class _Filter(BaseModel, extra="forbid"):
    must: list[_Condition] = []
    must_not: list[_Condition] = []

    def fits(self, payload: Json) -> bool:
        return all(one.holds(payload) for one in self.must) and not any(
            one.holds(payload) for one in self.must_not
        )


class _Filtered(BaseModel, extra="forbid"):
    filter: _Filter
    limit: int = 10
    with_payload: bool = False
    query: list[float] = []
    payload: Json = {}


class _Collection:
    def __init__(self, size: int) -> None:
        self.size = size
        self.points: dict[UUID, _Point] = {}

    def fitting(self, asked: _Filtered) -> list[_Point]:
        return [point for point in self.points.values() if asked.filter.fits(point.payload)]

    def checked(self, vector: list[float]) -> list[float]:
        if len(vector) != self.size:
            text = f"Wrong input: Vector dimension error: expected dim: {self.size}, got {len(vector)}"
            raise HTTPException(400, text)
        return vector


class _FakeQdrant:
    """The calls of Qdrant's REST API that this service makes, strictly; the vectors are in memory."""

    def __init__(self) -> None:
        self._collections: dict[str, _Collection] = {}

    def app(self) -> FastAPI:
        app = FastAPI()
        path = "/collections/{name}"
        app.get(path)(self.describe)
        app.put(path)(self.create)
        app.delete(path)(self.drop)
        app.put(path + "/index")(self.index)
        app.put(path + "/points")(self.upsert)
        for call in (self.payload, self.delete, self.scroll, self.query):
            app.post(f"{path}/points/{call.__name__}")(call)
        return app

    def describe(self, name: str) -> Json:
        collection = self._found(name)
        vectors = {"size": collection.size, "distance": "Cosine"}
        return {
            "result": {"config": {"params": {"vectors": vectors}}, "points_count": len(collection.points)}
        }

    def create(self, name: str, body: Json) -> Json:
        if name in self._collections:
            raise HTTPException(409, f"Wrong input: Collection `{name}` already exists!")
        assert body["vectors"]["distance"] == "Cosine"
        self._collections[name] = _Collection(body["vectors"]["size"])
        return {"result": True}

    def drop(self, name: str) -> Json:
        return {"result": self._collections.pop(name, None) is not None}

    def index(self, name: str, body: Json) -> Json:
        self._found(name)
        assert body["field_schema"]["type"] == "keyword"
        return _DONE

    def upsert(self, name: str, body: _Upsert) -> Json:
        collection = self._found(name)
        for point in body.points:
            collection.checked(point.vector)
        collection.points |= {point.id: point for point in body.points}
        return _DONE

    def payload(self, name: str, body: _Filtered) -> Json:
        for point in self._found(name).fitting(body):
            point.payload |= body.payload
        return _DONE

    def delete(self, name: str, body: _Filtered) -> Json:
        for point in self._found(name).fitting(body):
            del self._found(name).points[point.id]
        return _DONE

    def scroll(self, name: str, body: _Filtered) -> Json:
        points = [{"id": point.id, "payload": point.payload} for point in self._found(name).fitting(body)]
        return {"result": {"points": points[: body.limit], "next_page_offset": None}}

    def query(self, name: str, body: _Filtered) -> Json:
        asked = self._found(name).checked(body.query)
        near = sorted(self._found(name).fitting(body), key=lambda point: -_cosine(asked, point.vector))
        points = [
            {"id": point.id, "score": _cosine(asked, point.vector), "payload": point.payload}
            for point in near[: body.limit]
        ]
        return {"result": {"points": points}}

    def _found(self, name: str) -> _Collection:
        if name not in self._collections:
            raise HTTPException(404, f"Not found: Collection `{name}` doesn't exist!")
        return self._collections[name]


def _cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))
