"""What was used, by whom."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
from aip_testing.gateway import Gateway
from aip_testing.relay import Relay
from aip_testing.scripted import Service
from aip_testing.values import eventually
from gateway.usage import Record, Tokens, UsageLog
from pydantic import SecretStr

CHAT = "/v1/assistant/chat"


def _used(user: httpx2.Client) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = user.get("/v1/usage").json()["usage"]
    return rows


def test_json_and_streams_are_booked(gateway: Gateway, user: httpx2.Client, service: Service) -> None:
    service.released.set()
    user.post(CHAT, json={})
    user.post(CHAT, json={"do": "stream"})
    user.post(CHAT, json={"do": "refuse", "status": 422})
    user.get("/v1/assistant/profiles")
    today = datetime.now(UTC).date().isoformat()
    expected = [{"day": today, "model": "m", "calls": 2, "input_tokens": 8, "output_tokens": 10}]
    assert eventually(lambda: _used(user) == expected), _used(user)
    with gateway.client(gateway.new_key("other")["key"]) as other:
        assert _used(other) == []
    future = user.get("/v1/usage", params={"from": "2999-01-01T00:00:00"}).json()
    assert future["usage"] == []


def test_usage_waits_for_the_database(
    start: Callable[..., Gateway], database_url: str, relay: Callable[[str], Relay]
) -> None:
    wire = relay(database_url)
    gateway = start(database_url=SecretStr(wire.url))
    with gateway.client(gateway.new_key()["key"]) as user:
        user.get("/v1/assistant/profiles")
        wire.cut()
        for _ in range(3):
            assert user.post(CHAT, json={}).status_code == 200
        assert "aip_usage_queue_depth 3.0" in gateway.http.get("/metrics").text
        wire.restore()
        assert eventually(lambda: [row["calls"] for row in _used(user)] == [3])


def test_a_full_queue_drops_and_counts(
    start: Callable[..., Gateway], database_url: str, relay: Callable[[str], Relay]
) -> None:
    wire = relay(database_url)
    gateway = start(database_url=SecretStr(wire.url), usage_queue_rows=2)
    with gateway.client(gateway.new_key()["key"]) as user:
        user.get("/v1/assistant/profiles")
        before = _dropped(gateway)
        wire.cut()
        for _ in range(5):
            user.post(CHAT, json={})
        assert _dropped(gateway) == before + 3


def _dropped(gateway: Gateway) -> float:
    text = gateway.http.get("/metrics").text
    return float(
        next(line for line in text.splitlines() if line.startswith("aip_usage_dropped_total ")).split()[1]
    )


def test_tokens_of_strange_answers() -> None:
    for body in (b"", b"[]", b"nonsense", b'{"usage": null}', b'{"usage": {"input_tokens": "many"}}'):
        assert Tokens.of_answer(body) == Tokens()
    assert Tokens.of_event(b"event: delta\ndata: {}\n\n") is None
    assert Tokens.of_event(b"event: usage\ndata: nonsense\n\n") is None


def test_rows_have_the_tables_columns() -> None:
    record = Record("acme", "k", "/r", 200, Tokens(input_tokens=1), datetime.now(UTC))
    assert set(record.row()) == {
        "tenant",
        "key_id",
        "route",
        "status",
        "input_tokens",
        "output_tokens",
        "model",
        "at",
    }
    assert UsageLog.__doc__
