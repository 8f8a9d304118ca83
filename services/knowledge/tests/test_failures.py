import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from aip_testing.relay import Relay
from aip_testing.stub import Stub
from prometheus_client import REGISTRY

TEA = {"title": "Tea", "text": "Green tea wants water of seventy degrees.", "document_id": "tea"}
LONG = {"title": "Tea", "text": "\n\n".join(f"Paragraph {number} of many. " * 20 for number in range(300))}

WaitReady = Callable[[httpx2.Client], None]
Start = Callable[..., str]
ClientOf = Callable[..., httpx2.Client]


def code_of(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


@pytest.fixture
def cable(relay: Callable[[str], Relay], qdrant_url: str) -> Relay:
    """Return what connects the service with Qdrant."""
    return relay(qdrant_url)


@pytest.fixture
def cabled(start: Start, client_of: ClientOf, cable: Relay, wait_ready: WaitReady) -> httpx2.Client:
    client: httpx2.Client = client_of(start(qdrant_url=cable.url))
    wait_ready(client)
    return client


@pytest.fixture
def impatient(start: Start, client_of: ClientOf, wait_ready: WaitReady) -> httpx2.Client:
    client = client_of(start(llm_read_seconds=0.3))
    wait_ready(client)
    return client


def test_without_qdrant_it_is_alive_but_not_ready_and_says_what_is_missing(
    cabled: httpx2.Client, cable: Relay
) -> None:
    cable.cut()
    assert cabled.get("/health").status_code == 200
    ready = cabled.get("/ready")
    assert code_of(ready) == (503, "not_ready")
    assert ready.json()["checks"]["qdrant"]["ok"] is False
    labels = {"service": "knowledge-service", "dependency": "qdrant"}
    assert REGISTRY.get_sample_value("aip_dependency_up", labels) == 0
    for answer in (
        cabled.post("/documents", json=TEA),
        cabled.post("/search", json={"query": "tea"}),
        cabled.get("/documents/tea"),
    ):
        assert code_of(answer) == (503, "dependency_unavailable")
        assert answer.json()["dependency"] == "qdrant"
        assert int(answer.headers["retry-after"]) >= 1


def test_when_qdrant_is_back_everything_is(
    cabled: httpx2.Client, cable: Relay, wait_ready: WaitReady
) -> None:
    cabled.post("/documents", json=TEA).raise_for_status()
    cable.cut()
    assert cabled.post("/search", json={"query": "tea"}).status_code == 503
    cable.restore()
    wait_ready(cabled)
    assert cabled.post("/search", json={"query": "tea"}).json()["results"][0]["document_id"] == "tea"


def test_it_may_start_before_qdrant_does(
    start: Start, client_of: ClientOf, cable: Relay, wait_ready: WaitReady
) -> None:
    cable.cut()
    client = client_of(start(qdrant_url=cable.url, qdrant_retry_seconds=0.5))
    assert client.get("/health").status_code == 200
    assert code_of(client.get("/ready")) == (503, "not_ready")
    cable.restore()
    wait_ready(client)
    assert client.post("/documents", json=TEA).status_code == 201


def test_a_collection_that_got_lost_is_made_again(
    client: httpx2.Client, qdrant_url: str, collection: str, wait_ready: WaitReady
) -> None:
    httpx2.delete(f"{qdrant_url}/collections/{collection}").raise_for_status()
    assert code_of(client.post("/search", json={"query": "tea"})) == (503, "dependency_unavailable")
    wait_ready(client)
    assert client.post("/documents", json=TEA).status_code == 201


def test_a_collection_of_another_models_vectors_is_left_alone_and_the_service_not_ready(
    client: httpx2.Client, start: Start, client_of: ClientOf
) -> None:
    client.post("/documents", json=TEA).raise_for_status()
    other = client_of(start(embedding_dimensions=8))
    deadline = time.monotonic() + 10
    while (checks := other.get("/ready").json()["checks"])["qdrant"]["error"] != "CollectionMismatchError":
        assert time.monotonic() < deadline, checks
        time.sleep(0.02)
    assert client.post("/search", json={"query": "tea"}).json()["results"]


def test_vectors_of_an_unexpected_size_are_our_misconfiguration(
    start: Start, client_of: ClientOf, wait_ready: WaitReady
) -> None:
    client = client_of(start(embedding_dimensions=8))
    wait_ready(client)
    answer = client.post("/documents", json=TEA)
    assert code_of(answer) == (502, "llm_misconfigured")
    assert answer.json()["detail"] == "the model's vectors have 1536 numbers, EMBEDDING_DIMENSIONS is 8"


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({"mode": "status", "status": 429, "retry_after": 7}, (503, "llm_rate_limited")),
        ({"mode": "status", "status": 500}, (503, "llm_unavailable")),
        ({"mode": "status", "status": 401}, (502, "llm_misconfigured")),
        ({"mode": "filter"}, (422, "content_filtered")),
        ({"mode": "cut"}, (503, "llm_unavailable")),
        ({"mode": "hang"}, (503, "llm_unavailable")),
    ],
    ids=lambda value: str(value.get("status", value["mode"])) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("path", ["/search", "/answer", "/documents"])
def test_a_failure_of_the_model_has_its_own_status(
    path: str, fault: dict[str, Any], problem: tuple[int, str], impatient: httpx2.Client, openai_stub: Stub
) -> None:
    impatient.post("/documents", json=TEA).raise_for_status()
    bodies = {
        "/search": {"query": "green tea"},
        "/answer": {"question": "green tea?"},
        "/documents": {**TEA, "text": "Black tea."},
    }
    operation = "chat" if path == "/answer" else "embeddings"
    openai_stub.fault(**fault, operation=operation)
    answer = impatient.post(path, json=bodies[path])
    assert code_of(answer) == problem
    if "retry_after" in fault:
        assert answer.headers["retry-after"] == "7"
    assert impatient.post(path, json=bodies[path]).is_success


def test_a_query_asked_before_is_answered_without_the_model(client: httpx2.Client, openai_stub: Stub) -> None:
    client.post("/documents", json=TEA).raise_for_status()
    found = client.post("/search", json={"query": "green tea"}).json()
    openai_stub.fault("status", status=500, count=-1)
    again = client.post("/search", json={"query": "green tea"}).json()
    assert [one["document_id"] for one in again["results"]] == [
        one["document_id"] for one in found["results"]
    ]
    assert code_of(client.post("/search", json={"query": "black tea"})) == (503, "llm_unavailable")


def test_a_document_that_is_stored_in_part_is_not_found_and_the_old_one_still_is(
    client: httpx2.Client, openai_stub: Stub
) -> None:
    client.post("/documents", json=TEA).raise_for_status()
    openai_stub.fault("status", status=500, match="Paragraph 250 of many")
    broken = client.post("/documents", json={**LONG, "document_id": "tea"})
    assert code_of(broken) == (503, "llm_unavailable")
    assert client.get("/documents/tea").json()["chunks"] == 1
    results = client.post("/search", json={"query": "Paragraph of many", "top_k": 20}).json()["results"]
    assert [found["text"] for found in results] == [TEA["text"]]

    whole = client.post("/documents", json={**LONG, "document_id": "tea"})
    assert whole.status_code == 201
    results = client.post("/search", json={"query": "Paragraph of many", "top_k": 20}).json()["results"]
    assert len(results) == 20
    assert TEA["text"] not in [found["text"] for found in results]


def test_the_callers_deadline_ends_the_work(client: httpx2.Client, openai_stub: Stub) -> None:
    openai_stub.fault("hang")
    started = time.monotonic()
    answer = client.post("/search", json={"query": "green tea"}, headers={"X-Deadline-Ms": "300"})
    assert code_of(answer) == (504, "deadline_exceeded")
    assert time.monotonic() - started < 5
