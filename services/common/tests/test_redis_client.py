"""Redis: quick to fail, and back by itself."""

import time
from collections.abc import Callable

import pytest
from aip_common import redis_client
from aip_common.problems import Problem
from aip_testing.relay import Relay
from pydantic import SecretStr

pytestmark = pytest.mark.anyio


async def test_away_and_back(redis_url: str, relay: Callable[[str], Relay]) -> None:
    wire = relay(redis_url)
    redis = redis_client.connect(SecretStr(wire.url))
    assert await redis.set("a", "1")
    wire.cut()
    started = time.monotonic()
    with pytest.raises(Problem) as raised, redis_client.unavailable_as_problem():
        await redis.get("a")
    assert time.monotonic() - started < 1
    assert raised.value.document()["dependency"] == "redis"
    wire.restore()
    assert await redis.get("a") == "1"
    await redis.aclose()
