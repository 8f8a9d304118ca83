"""Without Qdrant the knowledge service says so and lives on; after it the same is found, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Service, Tenant

DOCUMENT = {"title": "Harbours", "text": "The harbour of Rotterdam handles containers day and night."}
QUERY = {"query": "harbour containers"}
KNOWLEDGE = "http://knowledge-service:8000"


def results(tenant: Tenant) -> list[dict[str, Any]]:
    found = tenant.call("POST", "/v1/knowledge/search", json=QUERY).json()["results"]
    assert isinstance(found, list)
    return found


def test_search_is_away_while_qdrant_is_and_the_same_after(
    tenant: Tenant, services: Callable[[str], Service], eventually: Callable[..., None]
) -> None:
    assert tenant.call("POST", "/v1/knowledge/documents", json=DOCUMENT).status_code == 201
    before = results(tenant)
    assert len(before) == 1
    services("qdrant").stop()

    assert tenant.call("POST", "/v1/knowledge/search", json=QUERY).status_code == 503
    eventually(lambda: httpx2.get(f"{KNOWLEDGE}/ready").status_code == 503)
    assert httpx2.get(f"{KNOWLEDGE}/health").status_code == 200
    body = {"messages": [{"role": "user", "content": "hello"}]}
    assert tenant.call("POST", "/v1/assistant/chat", json=body).status_code == 200

    services("qdrant").start()
    eventually(lambda: httpx2.get(f"{KNOWLEDGE}/ready").status_code == 200)
    assert tenant.call("POST", "/v1/knowledge/documents", json=DOCUMENT).status_code == 201
    assert results(tenant) == before
    assert services("knowledge-service").outcome()["restarts"] == 0
