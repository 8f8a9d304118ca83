"""How many requests a key gets."""

import asyncio
from collections.abc import Callable

import httpx2
import pytest
from aip_common import redis_client
from aip_testing.gateway import Gateway
from aip_testing.relay import Relay
from gateway.ratelimit import Decision, RateLimit, decide
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr


def test_the_request_after_the_burst_is_refused(start: Callable[..., Gateway]) -> None:
    gateway = start(rate_limit_per_minute=6, rate_limit_burst=3)
    with gateway.client(gateway.new_key()["key"]) as user:
        answers = [user.get("/v1/assistant/profiles") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["ratelimit"].split(";")[1] for answer in answers] == [
            "r=2",
            "r=1",
            "r=0",
            "r=0",
        ]
        refused = answers[-1]
        assert refused.json()["code"] == "rate_limited"
        assert refused.headers["ratelimit-policy"] == '"default";q=6;w=60'
        assert 9 <= int(refused.headers["retry-after"]) == refused.json()["retry_after"] <= 10
        assert user.get("/v1/agents/tools").status_code == 200, "another class of routes has its own limit"
    with gateway.client(gateway.new_key()["key"]) as other:
        assert other.get("/v1/assistant/profiles").status_code == 200, "another key has its own limit"


def test_replicas_share_the_limit(start: Callable[..., Gateway]) -> None:
    first, second = (start(rate_limit_per_minute=6, rate_limit_burst=2) for _ in "ab")
    key = first.new_key()["key"]
    with first.client(key) as one, second.client(key) as two:
        answers = [client.get("/v1/assistant/profiles").status_code for client in (one, two, one, two)]
    assert answers == [200, 200, 429, 429]


def test_without_redis_each_process_limits_alone(
    start: Callable[..., Gateway], redis_url: str, relay: Callable[[str], Relay]
) -> None:
    wire = relay(redis_url)
    gateway = start(redis_url=SecretStr(wire.url), rate_limit_per_minute=6, rate_limit_burst=2)
    degraded = _degraded(gateway.http)
    with gateway.client(gateway.new_key()["key"]) as user:
        assert user.get("/v1/assistant/profiles").status_code == 200
        wire.cut()
        answers = [user.get("/v1/assistant/profiles") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert all(answer.elapsed.total_seconds() < 0.5 for answer in answers)
        assert _degraded(gateway.http) == degraded + 3
        wire.restore()
        assert user.get("/v1/assistant/profiles").status_code == 200, "Redis has seen one request only"


def _degraded(http: httpx2.Client) -> float:
    line = next(
        line
        for line in http.get("/metrics").text.splitlines()
        if line.startswith("aip_rate_limit_degraded_total ")
    )
    return float(line.split()[1])


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60), st.integers(1, 20), st.floats(0.05, 10))
def test_never_more_than_the_burst_and_the_rate(gaps: list[float], burst: int, interval: float) -> None:
    now, stored, let_through = 1000.0, 0.0, []
    for gap in gaps:
        now += gap
        decision, stored = decide(stored, now, interval, burst)
        if decision.allowed:
            let_through.append(now)
        else:
            assert decision.wait > 0
    for start_at, begin in enumerate(let_through):
        for end_at, end in enumerate(let_through[start_at:], start_at):
            assert end_at - start_at + 1 <= burst + (end - begin) / interval + 1e-3


@given(st.integers(1, 10), st.floats(0.1, 10))
def test_after_the_wait_there_is_room_again(burst: int, interval: float) -> None:
    stored, decision = 0.0, Decision(allowed=True, backlog=0, wait=0)
    while decision.allowed:
        decision, stored = decide(stored, 50.0, interval, burst)
    assert decide(stored, 50.0 + decision.wait, interval, burst)[0].allowed
    assert not decide(stored, 50.0 + decision.wait - 0.01, interval, burst)[0].allowed


@pytest.mark.anyio
async def test_the_script_in_redis_decides_as_the_function(redis_url: str) -> None:
    redis = redis_client.connect(SecretStr(redis_url))
    limit = RateLimit(redis, service="gateway", per_minute=600, burst=3)
    try:
        shared = [await limit.check("key", "class") for _ in range(4)]
        assert [decision.allowed for decision in shared] == [True, True, True, False]
        for at, decision in enumerate(shared[:3], 1):
            assert decision.backlog == pytest.approx(0.1 * at, abs=0.05)
        await asyncio.sleep(shared[3].wait)
        assert (await limit.check("key", "class")).allowed
        assert 0 < await redis.pttl("gateway:rate:key:class") <= 300
    finally:
        await redis.aclose()
