"""Measure the length of the queue periodically."""

import asyncio
import time
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from research_service import metrics
from research_service.consumer import make_group
from research_service.scripts import GROUP, QUEUE, ordered_at

EVERY_SECONDS = 5.0
_MOST_ABANDONED = 100

log = structlog.get_logger()


async def watch(redis: Redis, reclaim_seconds: float) -> None:
    """Update the gauges until cancelled."""
    while True:
        try:
            await make_group(redis)
            depth, oldest = await measure(redis, reclaim_seconds)
            metrics.QUEUE_DEPTH.set(depth)
            metrics.QUEUE_OLDEST_SECONDS.set(oldest)
        except RedisError as error:
            log.warning("queue not measured", error=type(error).__name__)
        await asyncio.sleep(EVERY_SECONDS)


async def measure(redis: Redis, reclaim_seconds: float) -> tuple[int, float]:
    """Return the number of jobs without a living worker, and the age of the oldest one in seconds."""
    groups: Any = await redis.xinfo_groups(QUEUE)
    group = next(group for group in groups if group["name"] == GROUP)
    new: Any = await redis.xrange(QUEUE, f"({group['last-delivered-id']}", "+", 1)
    idle_ms = int(reclaim_seconds * 1000)
    abandoned: Any = await redis.xpending_range(QUEUE, GROUP, "-", "+", _MOST_ABANDONED, idle=idle_ms)
    entries = [entry for entry, _ in new] + [pending["message_id"] for pending in abandoned]
    depth = await redis.xlen(QUEUE) - group["pending"] + len(abandoned)
    return max(0, depth), max((time.time() - ordered_at(entry) for entry in entries), default=0.0)
