"""What the services do together, seen from where their users are."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Tenant

SERVICES = ["gateway", "knowledge-service", "agent-service", "research-service", "assistant-service"]


def events(response: httpx2.Response) -> Iterator[tuple[str, Any]]:
    """Yield the events of a stream with their data."""
    kind = "message"
    for line in response.iter_lines():
        if line.startswith("event:"):
            kind = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            yield kind, json.loads(line.removeprefix("data:"))
            kind = "message"


@pytest.mark.parametrize("service", SERVICES)
def test_cold_start(service: str) -> None:
    for path in ("health", "ready"):
        answer = httpx2.get(f"http://{service}:8000/{path}", timeout=10)
        assert answer.status_code == 200, answer.text


def test_key_life_cycle(admin: Tenant, tenant: Tenant) -> None:
    assert tenant.call("GET", "/v1/assistant/profiles").status_code == 200
    listed = admin.call("GET", "/admin/v1/api-keys").json()["items"]
    (mine,) = [key for key in listed if key["tenant"] == tenant.name]
    assert tenant.key not in json.dumps(listed)
    assert admin.call("DELETE", f"/admin/v1/api-keys/{mine['id']}").status_code == 204
    refused = tenant.call("GET", "/v1/assistant/profiles")
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("key", ["", "aip_unknown_key", "not even a key"])
def test_bad_authentication(http: httpx2.Client, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}", "X-AIP-Token": "forged"} if key else {}
    answer = http.get("/v1/assistant/profiles", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"


def test_a_service_is_not_reached_without_the_gateway_s_token() -> None:
    answer = httpx2.get("http://assistant-service:8000/profiles", timeout=10)
    assert answer.status_code == 401


def test_a_scope_is_needed(admin: Tenant, http: httpx2.Client) -> None:
    body = {"tenant": "narrow", "name": "one scope", "scopes": ["usage"]}
    key = admin.call("POST", "/admin/v1/api-keys", json=body).json()["key"]
    answer = http.get("/v1/assistant/profiles", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 403


def test_retrieval_round_trip(tenant: Tenant) -> None:
    texts = {
        "Harbours": "The harbour of Rotterdam handles containers day and night.",
        "Bread": "Sourdough bread rises slowly with wild yeast.",
    }
    stored = {}
    for title, text in texts.items():
        answer = tenant.call("POST", "/v1/knowledge/documents", json={"title": title, "text": text})
        assert answer.status_code == 201, answer.text
        stored[title] = answer.json()["document_id"]
    found = tenant.call("POST", "/v1/knowledge/search", json={"query": "harbour containers Rotterdam"})
    assert found.status_code == 200, found.text
    assert found.json()["results"][0]["document_id"] == stored["Harbours"]
    answered = tenant.call(
        "POST", "/v1/knowledge/answer", json={"question": "Which harbour handles containers?"}
    )
    assert answered.status_code == 200, answered.text
    assert answered.json()["citations"]


def test_another_tenant_finds_nothing_of_it(tenant: Tenant, admin: Tenant, http: httpx2.Client) -> None:
    text = {"title": "Secret", "text": "The vault code is kept by the keeper."}
    assert tenant.call("POST", "/v1/knowledge/documents", json=text).status_code == 201
    body = {"tenant": f"other-{tenant.name}"[:60], "name": "other", "scopes": ["knowledge:read"]}
    key = admin.call("POST", "/admin/v1/api-keys", json=body).json()["key"]
    headers = {"Authorization": f"Bearer {key}"}
    answer = http.post("/v1/knowledge/search", headers=headers, json={"query": "vault code keeper"})
    assert answer.json() == {"results": []}


def test_chat(tenant: Tenant) -> None:
    body = {"messages": [{"role": "user", "content": "[[reply:Good morning]]"}]}
    answer = tenant.call("POST", "/v1/assistant/chat", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["message"]["content"] == "Good morning"


def test_streaming_is_not_buffered(tenant: Tenant) -> None:
    text = " ".join(["word"] * 20)
    content = f"[[pace:100]] [[reply:{text}]]"
    body = {"messages": [{"role": "user", "content": content}], "stream": True}
    headers = {"Authorization": f"Bearer {tenant.key}"}
    arrived: dict[str, float] = {}
    kinds = []
    with tenant.http.stream("POST", "/v1/assistant/chat", json=body, headers=headers) as response:
        assert response.status_code == 200
        for kind, _ in events(response):
            arrived.setdefault(kind, time.monotonic())
            kinds.append(kind)
    assert kinds[-1] == "done"
    assert "usage" in kinds
    assert arrived["done"] - arrived["delta"] > 0.5


def test_agent_uses_its_tools(tenant: Tenant) -> None:
    goal = '[[tool:calculator {"expression": "6*7"}]] what is six times seven'
    answer = tenant.call("POST", "/v1/agents/runs", json={"goal": goal})
    assert answer.status_code == 200, answer.text
    (step,) = answer.json()["steps"]
    assert step["tool"] == "calculator"
    assert "42" in json.dumps(step["result"])


def test_agent_stops_at_its_limit(tenant: Tenant) -> None:
    goal = '[[loop:calculator {"expression": "1+1"}]] for ever'
    answer = tenant.call("POST", "/v1/agents/runs", json={"goal": goal, "max_steps": 3})
    assert answer.status_code == 200, answer.text
    assert answer.json()["finish_reason"] == "max_steps"


def test_research_job(tenant: Tenant) -> None:
    sources = [{"title": "Tides", "text": "Tides follow the moon, twice a day."}]
    ordered = tenant.call(
        "POST", "/v1/research/jobs", json={"question": "What do tides follow?", "sources": sources}
    )
    assert ordered.status_code == 202, ordered.text
    job = ordered.json()["job_id"]
    headers = {"Authorization": f"Bearer {tenant.key}"}
    kinds = []
    with tenant.http.stream("GET", f"/v1/research/jobs/{job}/events", headers=headers) as response:
        assert response.status_code == 200
        kinds += [kind for kind, _ in events(response)]
    assert kinds
    done = tenant.call("GET", f"/v1/research/jobs/{job}").json()
    assert done["status"] == "succeeded", done
    assert done["report"]["citations"]


def test_oversized_bodies(tenant: Tenant) -> None:
    big = b'{"messages": [{"role": "user", "content": "' + b"x" * (2 << 20) + b'"}]}'
    headers = {"Content-Type": "application/json"}
    answer = tenant.call("POST", "/v1/assistant/chat", content=big, headers=headers)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"mode": "filter"}, 422, "content_filtered"),
        ({"mode": "status", "status": 429, "retry_after": 300, "count": -1}, 503, "llm_rate_limited"),
        ({"mode": "status", "status": 401, "count": -1}, 502, "llm_misconfigured"),
    ],
)
def test_faults_of_the_model(
    tenant: Tenant, stub: httpx2.Client, fault: dict[str, Any], status: int, code: str
) -> None:
    stub.post("/_stub/faults", json=fault).raise_for_status()
    body = {"messages": [{"role": "user", "content": "hello"}]}
    answer = tenant.call("POST", "/v1/assistant/chat", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_usage_is_booked(tenant: Tenant) -> None:
    body = {"messages": [{"role": "user", "content": "count me"}]}
    assert tenant.call("POST", "/v1/assistant/chat", json=body).status_code == 200
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        rows = tenant.call("GET", "/v1/usage").json()["usage"]
        if rows:
            break
    assert rows


def test_prometheus_scrapes_every_service() -> None:
    deadline = time.monotonic() + 60
    up: set[str] = set()
    while time.monotonic() < deadline and not up >= set(SERVICES):
        answer = httpx2.get("http://prometheus:9090/api/v1/query", params={"query": "up == 1"}, timeout=10)
        up = {row["metric"].get("service", "") for row in answer.json()["data"]["result"]}
    assert up >= set(SERVICES)


def test_a_request_id_is_kept(tenant: Tenant) -> None:
    answer = tenant.call("GET", "/v1/assistant/profiles", headers={"X-Request-ID": "from-the-caller-1"})
    assert answer.headers["x-request-id"] == "from-the-caller-1"
