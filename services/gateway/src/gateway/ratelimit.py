"""Limit rates with GCRA: one timestamp per key, in Redis, or in memory while Redis is unavailable."""

import asyncio
import math
import time
from dataclasses import dataclass

from aip_common.breaker import Breaker, BreakerOpenError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway import metrics

REDIS_SECONDS = 0.25
_WINDOW_SECONDS = 60
_MAX_LOCAL = 10_000

# The same rule as `decide`, on the server's clock. Numbers are strings, because Redis truncates to integers.
_SCRIPT = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local stored = redis.call('GET', KEYS[1])
local due = math.max(stored and tonumber(stored) or now, now) + interval
local wait = due - interval * burst - now
if wait > 1e-6 then
  return {0, string.format('%.6f', due - interval - now), string.format('%.6f', wait)}
end
redis.call('SET', KEYS[1], string.format('%.6f', due), 'PX', math.ceil((due - now) * 1000))
return {1, string.format('%.6f', due - now), '0'}
"""


@dataclass(frozen=True)
class Decision:
    """The decision on a request. `backlog` and `wait` are seconds."""

    allowed: bool
    backlog: float
    wait: float


def decide(stored: float, now: float, interval: float, burst: int) -> tuple[Decision, float]:
    """Return the decision and the new value to store: the time when the key's backlog is empty."""
    due = max(stored, now) + interval
    wait = due - interval * burst - now
    if wait > 1e-6:  # noqa: PLR2004 - a microsecond, the resolution of what is stored
        return Decision(allowed=False, backlog=due - interval - now, wait=wait), stored
    return Decision(allowed=True, backlog=due - now, wait=0), due


class RateLimit:
    """A limit of requests per minute for each key and class of routes, with bursts."""

    def __init__(
        self,
        redis: Redis,
        *,
        service: str,
        per_minute: int,
        burst: int,
    ) -> None:
        self._script = redis.register_script(_SCRIPT)
        self._interval = _WINDOW_SECONDS / per_minute
        self._per_minute = per_minute
        self._burst = burst
        self._breaker = Breaker(service, "redis")
        self._local: dict[str, float] = {}

    async def check(self, key_id: str, route_class: str) -> Decision:
        """Count a request and decide whether it is allowed."""
        name = f"gateway:rate:{key_id}:{route_class}"
        try:
            decision = await self._shared(name)
        except (RedisError, TimeoutError, BreakerOpenError):
            metrics.RATE_LIMIT_DEGRADED.inc()
            decision = self._alone(name)
        outcome = "allowed" if decision.allowed else "limited"
        metrics.RATE_LIMIT_DECISIONS.labels(outcome, route_class).inc()
        return decision

    def headers(self, decision: Decision) -> dict[str, str]:
        """Return the response headers of draft-ietf-httpapi-ratelimit-headers-11."""
        remaining = max(0, math.floor(self._burst - decision.backlog / self._interval + 1e-6))
        return {
            "RateLimit-Policy": f'"default";q={self._per_minute};w={_WINDOW_SECONDS}',
            "RateLimit": f'"default";r={remaining};t={math.ceil(decision.backlog)}',
        }

    async def _shared(self, name: str) -> Decision:
        self._breaker.before()
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                allowed, backlog, wait = await self._script(keys=[name], args=[self._interval, self._burst])
        except (RedisError, TimeoutError):
            self._breaker.failure()
            raise
        except BaseException:
            self._breaker.neither()
            raise
        self._breaker.success()
        return Decision(allowed=bool(allowed), backlog=float(backlog), wait=float(wait))

    def _alone(self, name: str) -> Decision:
        now = time.monotonic()
        if len(self._local) >= _MAX_LOCAL:
            self._local = {key: due for key, due in self._local.items() if due > now}
        decision, self._local[name] = decide(self._local.get(name, 0), now, self._interval, self._burst)
        return decision
