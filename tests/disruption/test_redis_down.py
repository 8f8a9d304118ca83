"""Without Redis what can go on goes on, the rest says so; when it is back nothing is lost."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Service, Tenant

CHAT = {"messages": [{"role": "user", "content": "[[reply:Good morning]]"}]}
JOB = {
    "question": "What do tides follow?",
    "sources": [{"title": "Tides", "text": "Tides follow the moon."}],
}


def limited_alone() -> float:
    text = httpx2.get("http://gateway:8000/metrics").text
    found = re.search(r"^aip_rate_limit_degraded_total ([\d.]+)", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def chat_seconds(tenant: Tenant) -> float:
    began = time.monotonic()
    answer = tenant.call("POST", "/v1/assistant/chat", json=CHAT)
    assert answer.status_code == 200, answer.text
    return time.monotonic() - began


def test_what_needs_redis_waits_for_it_and_the_rest_goes_on(
    tenant: Tenant, stub: httpx2.Client, services: Callable[[str], Service], eventually: Callable[..., None]
) -> None:
    chat_seconds(tenant)
    stub.post(
        "/_stub/faults", json={"mode": "delay", "seconds": 4, "match": "Split the user"}
    ).raise_for_status()
    job = tenant.call("POST", "/v1/research/jobs", json=JOB).json()["job_id"]
    before = limited_alone()
    services("redis").stop()

    assert min(chat_seconds(tenant) for _ in range(3)) < 2
    assert limited_alone() > before
    refused = tenant.call("POST", "/v1/research/jobs", json=JOB)
    assert refused.status_code == 503, refused.text
    assert "redis" in refused.text
    run = {"goal": '[[tool:calculator {"expression": "6*7"}]] six times seven'}
    assert tenant.call("POST", "/v1/agents/runs", json=run).status_code == 200

    services("redis").start()
    eventually(lambda: tenant.call("POST", "/v1/research/jobs", json=JOB).status_code == 202)
    eventually(lambda: tenant.call("GET", f"/v1/research/jobs/{job}").json().get("status") == "succeeded", 60)
    for name in ("gateway", "research-service", "agent-service"):
        assert services(name).outcome()["restarts"] == 0
        eventually(lambda name=name: httpx2.get(f"http://{name}:8000/ready").status_code == 200)
