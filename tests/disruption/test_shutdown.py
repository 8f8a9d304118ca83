"""A gateway that is told to stop: it says so, ends what it has begun, and exits with 0."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Service, Tenant


def test_calls_in_flight_are_ended_in_order(
    tenant: Tenant, stub: httpx2.Client, services: Callable[[str], Service], eventually: Callable[..., None]
) -> None:
    stub.post("/_stub/faults", json={"mode": "delay", "seconds": 2, "match": "slowly"}).raise_for_status()
    headers = {"Authorization": f"Bearer {tenant.key}"}
    whole: list[httpx2.Response] = []

    def call() -> None:
        body = {"messages": [{"role": "user", "content": "answer slowly"}]}
        with httpx2.Client(base_url=str(tenant.http.base_url), timeout=30, headers=headers) as client:
            whole.append(client.post("/v1/assistant/chat", json=body))

    content = f"[[pace:200]] [[reply:{' '.join(['word'] * 200)}]]"
    body: dict[str, Any] = {"messages": [{"role": "user", "content": content}], "stream": True}
    gateway = services("gateway")
    with tenant.http.stream("POST", "/v1/assistant/chat", json=body, headers=headers) as stream:
        chunks = stream.iter_text()
        assert any("word" in chunk for chunk in chunks)  # the first events are not of the answer
        thread = threading.Thread(target=call)
        thread.start()
        eventually(lambda: "slowly" in stub.get("/_stub/requests").text)
        gateway.stop(wait=False)
        eventually(lambda: httpx2.get("http://gateway:8000/ready").status_code == 503)
        rest = "".join(chunks)
    assert "event: error" in rest
    thread.join(30)
    assert whole[0].status_code == 200
    gateway.stopped()
    assert gateway.outcome()["exit_code"] == 0
