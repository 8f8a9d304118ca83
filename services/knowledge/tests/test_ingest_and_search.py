from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx2
import pytest
from aip_testing.stub import Stub
from prometheus_client import REGISTRY

Count = Callable[[], int]
ClientOf = Callable[..., httpx2.Client]

TEA = {"title": "Tea", "text": "Green tea wants water of seventy degrees.", "document_id": "tea"}
CARS = {"title": "Cars", "text": "A diesel engine has no spark plugs.", "document_id": "cars"}
LONG = "\n\n".join(
    f"Paragraph {number} is about subject{number} and nothing else at all." for number in range(300)
)


def store(client: httpx2.Client, document: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/documents", json=document)
    assert answer.status_code == 201, answer.text
    stored: dict[str, Any] = answer.json()
    return stored


def search(client: httpx2.Client, query: str, **options: object) -> list[dict[str, Any]]:
    answer = client.post("/search", json={"query": query, **options})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


@pytest.fixture
def count(qdrant_url: str, collection: str) -> Count:
    def points() -> int:
        described = httpx2.get(f"{qdrant_url}/collections/{collection}").json()
        number: int = described["result"]["points_count"]
        return number

    return points


def test_the_document_that_shares_words_with_the_query_comes_first(client: httpx2.Client) -> None:
    store(client, TEA)
    store(client, CARS)
    best, other = search(client, "water for green tea")
    assert (best["document_id"], best["title"], best["chunk"]) == ("tea", "Tea", 0)
    assert best["text"] == TEA["text"]
    assert best["score"] > other["score"]
    assert search(client, "spark plugs of an engine", top_k=1)[0]["document_id"] == "cars"


def test_a_long_document_is_stored_in_pieces_over_several_batches(
    client: httpx2.Client, openai_stub: Stub, count: Count
) -> None:
    stored = store(client, {"title": "Long", "text": LONG * 4, "document_id": "long"})
    batches = [request for request in openai_stub.requests() if request["operation"] == "embeddings"]
    assert stored["chunks"] == count() == sum(len(batch["body"]["input"]) for batch in batches)
    assert len(batches) > 1
    (found,) = search(client, "subject217", top_k=1)
    assert "subject217" in found["text"]


def test_the_same_document_again_changes_nothing_and_costs_nothing(
    client: httpx2.Client, openai_stub: Stub, count: Count
) -> None:
    before = REGISTRY.get_sample_value("aip_ingested_chunks_total") or 0
    first = store(client, TEA)
    calls = len(openai_stub.requests())
    assert store(client, TEA) == first
    assert count() == first["chunks"]
    assert len(openai_stub.requests()) == calls
    assert REGISTRY.get_sample_value("aip_ingested_chunks_total") == before + first["chunks"]


def test_a_document_without_an_id_is_named_by_its_content(client: httpx2.Client, count: Count) -> None:
    nameless = {key: TEA[key] for key in ("title", "text")}
    name = store(client, nameless)["document_id"]
    assert UUID(name).version == 5
    assert store(client, nameless)["document_id"] == name
    assert store(client, {**nameless, "text": "Other."})["document_id"] != name
    assert count() == 2


def test_a_changed_document_takes_the_place_of_the_old_one(client: httpx2.Client, count: Count) -> None:
    store(client, {"title": "Long", "text": LONG, "document_id": "tea"})
    assert count() > 10
    store(client, TEA)
    assert count() == 1
    assert search(client, "subject217", top_k=20)[0]["text"] == TEA["text"]
    described = client.get("/documents/tea").json()
    assert described == {"document_id": "tea", "title": "Tea", "chunks": 1, "metadata": {}}


def test_two_who_change_a_document_at_once_leave_one_of_the_two_versions_whole(
    client: httpx2.Client, count: Count
) -> None:
    versions = [
        {"title": "Race", "text": f"{LONG} {side}", "document_id": "race"} for side in ("left", "right")
    ]
    with ThreadPoolExecutor(2) as pool:
        stored = list(pool.map(lambda version: store(client, version), versions))
    assert count() == stored[0]["chunks"] == stored[1]["chunks"]
    assert client.get("/documents/race").json()["chunks"] == count()


def test_a_deleted_document_is_gone(client: httpx2.Client, count: Count) -> None:
    store(client, TEA)
    assert client.delete("/documents/tea").status_code == 204
    assert count() == 0
    assert search(client, "green tea") == []
    for answer in (client.get("/documents/tea"), client.delete("/documents/tea")):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def found_by(client: httpx2.Client, **filters: object) -> list[str]:
    return sorted(one["document_id"] for one in search(client, "tea", top_k=20, filter=filters))


def test_a_filter_wants_equal_metadata(client: httpx2.Client) -> None:
    for number, metadata in enumerate(({"lang": "en", "year": 2024}, {"lang": "de", "year": 2024}, {})):
        store(client, {**TEA, "document_id": f"tea-{number}", "metadata": metadata})
    assert found_by(client) == ["tea-0", "tea-1", "tea-2"]
    assert found_by(client, year=2024) == ["tea-0", "tea-1"]
    assert found_by(client, year=2024, lang="de") == ["tea-1"]
    assert found_by(client, year="2024") == []
    assert found_by(client, colour="green") == []


def test_a_truth_value_is_no_number(client: httpx2.Client) -> None:
    for number, metadata in enumerate(({"fresh": 1}, {"fresh": True})):
        store(client, {**TEA, "document_id": f"tea-{number}", "metadata": metadata})
    assert found_by(client, fresh=True) == ["tea-1"]
    assert found_by(client, fresh=1) == ["tea-0"]


def test_a_tenant_sees_and_touches_only_its_own(
    client: httpx2.Client, client_of: ClientOf, count: Count
) -> None:
    other = client_of(str(client.base_url), "rival")
    store(client, TEA)
    store(other, {**CARS, "document_id": "tea"})
    assert [found["title"] for found in search(other, "green tea", top_k=20)] == ["Cars"]
    assert client.get("/documents/tea").json()["title"] == "Tea"
    assert other.delete("/documents/tea").status_code == 204
    assert count() == 1
    assert client.get("/documents/tea").status_code == 200
