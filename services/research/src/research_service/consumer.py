"""The worker's side of the queue: claim a job, keep it, record progress, and return it."""

import json
import secrets
import socket
import time
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from research_service import metrics
from research_service.models import State
from research_service.scripts import (
    DEAD_LETTERS,
    GROUP,
    HAND_BACK,
    QUEUE,
    WRITE,
    events_key,
    job_key,
    ordered_at,
)
from research_service.settings import Settings

log = structlog.get_logger()


async def make_group(redis: Redis) -> None:
    """Create the consumer group if it does not exist, starting with the first job in the queue."""
    try:
        await redis.xgroup_create(QUEUE, GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


class NotOursError(Exception):
    """The job was cancelled, or another worker has taken it over, so this worker must stop."""


@dataclass(frozen=True)
class Delivery:
    """A job delivered to this consumer; `count` is its number of deliveries."""

    entry: str
    job_id: str
    count: int


class Consumer:
    """A member of the consumer group. `blocking` is a client that may wait. Methods raise RedisError."""

    def __init__(self, redis: Redis, blocking: Redis, settings: Settings) -> None:
        self.name = f"{socket.gethostname()}-{secrets.token_hex(6)}"
        self._redis = redis
        self._blocking = blocking
        self._settings = settings
        self._idle_ms = int(settings.research_reclaim_seconds * 1000)
        self._block_ms = int(settings.research_block_seconds * 1000)
        self._cursor = "0-0"
        self._write = redis.register_script(WRITE)
        self._hand_back = redis.register_script(HAND_BACK)

    async def prepare(self) -> None:
        """Create the consumer group if it does not exist."""
        await make_group(self._redis)

    async def claim(self) -> Delivery | None:
        """Return an abandoned job, else the next one, else None after a short wait."""
        self._cursor, entries, *_ = await self._redis.xautoclaim(
            QUEUE, GROUP, self.name, self._idle_ms, self._cursor, count=1
        )
        if not entries:
            return await self._next()
        entry, fields = entries[0]
        pending: Any = await self._redis.xpending_range(QUEUE, GROUP, entry, entry, 1, self.name)
        if not pending:
            return None
        delivery = Delivery(entry, fields["job"], pending[0]["times_delivered"])
        if delivery.count > 1:
            metrics.REDELIVERIES.inc()
            log.warning("job taken over", job_id=delivery.job_id, deliveries=delivery.count)
        return delivery

    async def _next(self) -> Delivery | None:
        answer: Any = await self._blocking.xreadgroup(GROUP, self.name, {QUEUE: ">"}, 1, self._block_ms)
        for _, found in answer:
            for entry, fields in found:
                return Delivery(entry, fields["job"], 1)
        return None

    async def load(self, delivery: Delivery) -> State:
        """Return the state of the job. Raise NotOursError if it has expired."""
        text = await self._redis.hget(job_key(delivery.job_id), "state")
        if text is None:
            await self.write(delivery)
            raise NotOursError("expired")
        return State.model_validate_json(text)

    async def write(
        self,
        delivery: Delivery,
        event: str = "",
        data: object = None,
        *,
        dead: bool = False,
        **fields: str | int,
    ) -> None:
        """Keep the job, publish an event, and set fields of the job; a final `status` ends it.

        Raise NotOursError if the job no longer belongs to this consumer.
        """
        status = str(fields.get("status", "running"))
        final = status != "running"
        keys = [QUEUE, job_key(delivery.job_id), events_key(delivery.job_id)]
        args: list[Any] = [GROUP, self.name, delivery.entry, self._settings.research_result_seconds]
        args += [event, json.dumps(data or {}, ensure_ascii=False), int(final)]
        args += [part for pair in fields.items() for part in pair]
        answer = await self._write(keys=[*keys, DEAD_LETTERS] if dead else keys, args=args)
        if answer == "cancelled" or (answer == "ok" and final):
            metrics.JOBS.labels("cancelled" if answer == "cancelled" else status).inc()
            metrics.JOB_SECONDS.observe(max(0.0, time.time() - ordered_at(delivery.entry)))
        if answer != "ok":
            raise NotOursError(answer)

    async def hand_back(self, delivery: Delivery) -> None:
        """Return the job to the queue immediately, as if it had not been delivered."""
        args: list[Any] = [GROUP, self.name, delivery.entry, self._idle_ms, delivery.count]
        await self._hand_back(keys=[QUEUE], args=args)
