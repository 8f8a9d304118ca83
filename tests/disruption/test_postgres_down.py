"""Without Postgres known keys go on; what they used is booked when it is back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Service, Tenant

CHAT = {"messages": [{"role": "user", "content": "count every word of this"}]}


def used(tenant: Tenant) -> tuple[int, int]:
    """Return the calls and tokens that are booked."""
    answer = tenant.call("GET", "/v1/usage")
    rows: list[dict[str, Any]] = answer.json()["usage"] if answer.status_code == 200 else []
    return sum(row["calls"] for row in rows), sum(row["input_tokens"] + row["output_tokens"] for row in rows)


def chat(tenant: Tenant) -> int:
    """Return the tokens that a call says it used."""
    answer = tenant.call("POST", "/v1/assistant/chat", json=CHAT)
    assert answer.status_code == 200, answer.text
    usage = answer.json()["usage"]
    return int(usage["input_tokens"] + usage["output_tokens"])


def test_calls_go_on_and_are_booked_later(
    tenant: Tenant, admin: Tenant, services: Callable[[str], Service], eventually: Callable[..., None]
) -> None:
    tokens = chat(tenant)
    eventually(lambda: used(tenant) == (1, tokens))
    services("postgres").stop()

    tokens += sum(chat(tenant) for _ in range(3))
    body = {"tenant": "new", "name": "new", "scopes": ["usage"]}
    refused = admin.call("POST", "/admin/v1/api-keys", json=body)
    assert refused.status_code == 503, refused.text
    assert "postgres" in refused.text

    services("postgres").start()
    eventually(lambda: used(tenant) == (4, tokens), 60)
    assert services("gateway").outcome()["restarts"] == 0
