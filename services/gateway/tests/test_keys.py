"""Who gets in."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from aip_testing.gateway import Gateway
from aip_testing.relay import Relay
from aip_testing.scripted import Service
from aip_testing.values import ADMIN_KEY
from gateway import database
from pydantic import SecretStr
from sqlalchemy import update


def test_life_of_a_key(gateway: Gateway, service: Service) -> None:
    created = gateway.new_key("acme", scopes=["assistant"])
    assert created["key"].startswith(f"aip_{created['id']}_")
    with gateway.client(created["key"]) as user:
        assert user.post("/v1/assistant/chat", json={}).status_code == 200
        caller = service.caller("assistant-service")
        assert (caller.key_id, caller.tenant, caller.scopes) == (
            created["id"],
            "acme",
            frozenset({"assistant"}),
        )
        listed = gateway.admin("GET", "/api-keys").json()["items"]
        assert [(item["id"], item["revoked_at"]) for item in listed] == [(created["id"], None)]
        assert created["key"] not in str(listed)
        assert "hash" not in listed[0]
        assert gateway.admin("DELETE", f"/api-keys/{created['id']}").status_code == 204
        answer = user.post("/v1/assistant/chat", json={})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert gateway.admin("DELETE", f"/api-keys/{created['id']}").status_code == 404


def test_every_wrong_key_is_refused(gateway: Gateway, service: Service) -> None:
    good = gateway.new_key()["key"]
    other = gateway.new_key()["key"]
    swapped = good[:17] + other[17:]
    unknown = f"aip_{'0' * 12}_{good[17:]}"
    for header in (
        "",
        "Bearer",
        "Bearer nonsense",
        f"Basic {good}",
        f"Bearer {swapped}",
        f"Bearer {unknown}",
    ):
        answer = gateway.http.post("/v1/assistant/chat", json={}, headers={"Authorization": header})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), header
    assert service.seen == []
    metrics = gateway.http.get("/metrics").text
    for reason in ("missing", "malformed", "wrong", "unknown"):
        assert f'aip_auth_failures_total{{reason="{reason}"}}' in metrics


@pytest.mark.anyio
async def test_expired_key(start: Callable[..., Gateway], database_url: str) -> None:
    gateway = start(key_cache_seconds=0)
    created = gateway.new_key(expires_in_days=1)
    with gateway.client(created["key"]) as user:
        assert user.get("/v1/assistant/profiles").status_code == 200
        keys = database.api_keys
        engine = database.engine(SecretStr(database_url), None)
        async with engine.begin() as connection:
            statement = update(keys).where(keys.c.id == created["id"])
            await connection.execute(statement.values(expires_at=datetime.now(UTC)))
        await engine.dispose()
        assert user.get("/v1/assistant/profiles").status_code == 401


def test_scope(gateway: Gateway, service: Service) -> None:
    with gateway.client(gateway.new_key(scopes=["knowledge:read"])["key"]) as user:
        assert user.post("/v1/knowledge/search", json={}).status_code == 200
        for method, path in [("POST", "/v1/knowledge/documents"), ("GET", "/v1/usage")]:
            answer = user.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert len(service.seen) == 1


@pytest.mark.parametrize("key", ["", "wrong", ADMIN_KEY[:-1]])
def test_administration_needs_its_own_key(gateway: Gateway, key: str) -> None:
    for method, path in [("GET", "/api-keys"), ("POST", "/api-keys"), ("DELETE", "/api-keys/x")]:
        headers = {"Authorization": f"Bearer {key}".strip()}
        assert gateway.http.request(method, f"/admin/v1{path}", headers=headers).status_code == 401
    with gateway.client(gateway.new_key()["key"]) as user:
        assert user.get("/admin/v1/api-keys").status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"tenant": "Acme Inc", "name": "n", "scopes": ["assistant"]},
        {"tenant": "acme", "name": "n", "scopes": ["everything"]},
        {"tenant": "acme", "name": "n", "scopes": []},
        {"tenant": "acme", "name": "n", "scopes": ["assistant"], "admin": True},
    ],
)
def test_wrong_new_key(gateway: Gateway, body: dict[str, object]) -> None:
    answer = gateway.admin("POST", "/api-keys", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert answer.json()["errors"][0]["loc"][0] == "body"


def test_known_keys_outlive_the_database(
    start: Callable[..., Gateway], database_url: str, relay: Callable[[str], Relay]
) -> None:
    wire = relay(database_url)
    gateway = start(database_url=SecretStr(wire.url), key_cache_seconds=0)
    known, unused = gateway.new_key()["key"], gateway.new_key()["key"]
    with gateway.client(known) as user, gateway.client(unused) as stranger:
        assert user.get("/v1/assistant/profiles").status_code == 200
        wire.cut()
        assert user.get("/v1/assistant/profiles").status_code == 200
        for answer in (
            stranger.get("/v1/assistant/profiles"),
            user.get("/v1/usage"),
            gateway.admin("GET", "/api-keys"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
            assert answer.json()["dependency"] == "postgres"
            assert int(answer.headers["retry-after"]) >= 1
        ready = gateway.http.get("/ready")
        assert (ready.status_code, ready.json()["checks"]["postgres"]["ok"]) == (200, False)
        wire.restore()
        assert stranger.get("/v1/assistant/profiles").status_code == 200


def test_not_ready_without_database_and_keys(
    start: Callable[..., Gateway], database_url: str, relay: Callable[[str], Relay]
) -> None:
    wire = relay(database_url)
    gateway = start(database_url=SecretStr(wire.url))
    wire.cut()
    answer = gateway.http.get("/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert gateway.http.get("/health").status_code == 200
