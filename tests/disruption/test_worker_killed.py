"""A worker that is killed in the middle of a job: another takes the job over where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Service, Tenant

SOURCES = [{"title": "Tides", "text": "Tides follow the moon, twice a day."}]


def asked(stub: httpx2.Client, text: str) -> int:
    requests = stub.get("/_stub/requests").json()["requests"]
    return sum(text in str(request["body"]) for request in requests)


def test_a_job_outlives_its_worker(
    tenant: Tenant, stub: httpx2.Client, services: Callable[[str], Service], eventually: Callable[..., None]
) -> None:
    report = "in a short report"
    stub.post("/_stub/faults", json={"mode": "hang", "match": report, "operation": "chat"}).raise_for_status()
    body = {"question": "What do tides follow?", "sources": SOURCES}
    job = tenant.call("POST", "/v1/research/jobs", json=body).json()["job_id"]
    eventually(lambda: asked(stub, report) == 1)
    services("research-service").kill()
    services("research-service").start()

    def done() -> dict[str, Any]:
        found = tenant.call("GET", f"/v1/research/jobs/{job}").json()
        assert isinstance(found, dict)
        return found

    eventually(lambda: done().get("status") == "succeeded", 40)
    assert done()["deliveries"] == 2
    assert asked(stub, "Split the user") == 1
    assert asked(stub, report) == 2
    metrics = httpx2.get("http://research-service:8000/metrics").text
    assert "aip_job_redeliveries_total 1.0" in metrics
