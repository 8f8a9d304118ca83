"""The callers' side of the queue: submit, read, follow and cancel jobs."""

import json
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

from aip_common import request as current
from aip_common import sse
from aip_common.identity import Caller
from aip_common.problems import Problem
from aip_common.redis_client import unavailable_as_problem
from redis.asyncio import Redis

from research_service import metrics
from research_service.models import FINAL, Failure, Job, JobRequest, JobSummary, State, Status
from research_service.scripts import CANCEL, GROUP, QUEUE, SUBMIT, events_key, job_key, ordered_at, tenant_key
from research_service.settings import Settings

FOLLOW_SECONDS = 5.0
QUEUE_FULL_RETRY_SECONDS = 10
MOST_LISTED = 100


class Jobs:
    """The jobs; callers can access those of their tenant. Methods raise the 503 problem that names Redis."""

    def __init__(self, redis: Redis, blocking: Redis, settings: Settings) -> None:
        self._redis = redis
        self._blocking = blocking
        self._settings = settings
        self._submit = redis.register_script(SUBMIT)
        self._cancel = redis.register_script(CANCEL)

    async def submit(self, request: JobRequest, caller: Caller) -> str:
        """Add a job to the queue and return its id. Raise the 503 problem if too many are unfinished."""
        job_id = f"job_{secrets.token_hex(16)}"
        state = State(
            request=request,
            key_id=caller.key_id,
            tenant=caller.tenant,
            scopes=sorted(caller.scopes),
            request_id=current.request_id(),
        )
        settings = self._settings
        head = [settings.research_queue_limit, settings.research_result_seconds]
        with unavailable_as_problem():
            taken = await self._submit(
                keys=[QUEUE, job_key(job_id), events_key(job_id), tenant_key(caller.tenant)],
                args=[*head, job_id, caller.tenant, state.model_dump_json(), time.time()],
            )
        if not taken:
            text = f"{settings.research_queue_limit} jobs are unfinished; try again later"
            raise Problem(503, "queue_full", text, retry_after=QUEUE_FULL_RETRY_SECONDS)
        return job_id

    async def read(self, job_id: str, caller: Caller) -> Job:
        """Return the job's current state. Raise the 404 problem if the caller has no such job."""
        with unavailable_as_problem():
            fields: Any = await self._redis.hgetall(job_key(job_id))
        if fields.get("tenant") != caller.tenant:
            raise Problem(404, "not_found", "there is no such job; its result may have expired")
        state = State.model_validate_json(fields["state"])
        return Job(
            job_id=job_id,
            status=fields["status"],
            stage=fields.get("stage", ""),
            created_at=ordered_at(fields["entry"]),
            deliveries=int(fields.get("deliveries", 0)),
            report=state.report,
            error=Failure.model_validate_json(fields["error"]) if "error" in fields else None,
            usage=state.usage,
        )

    async def latest(self, caller: Caller, status: Status | None) -> list[JobSummary]:
        """Return the tenant's latest jobs, newest first, of one status or of any."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            with unavailable_as_problem():
                ids: Any = await self._redis.zrevrange(tenant_key(caller.tenant), 0, MOST_LISTED - 1)
                for job_id in ids:
                    pipeline.hmget(job_key(job_id), ["status", "entry"])
                found = await pipeline.execute()
        return [
            JobSummary(job_id=job_id, status=now, created_at=ordered_at(entry))
            for job_id, (now, entry) in zip(ids, found, strict=True)
            if now is not None and status in (now, None)
        ]

    async def cancel(self, job_id: str, caller: Caller) -> Status:
        """Cancel a job and return its status: "running" until its worker notices; 409 if it has ended."""
        await self.read(job_id, caller)
        keys = [QUEUE, job_key(job_id), events_key(job_id)]
        with unavailable_as_problem():
            status: Any = await self._cancel(keys=keys, args=[GROUP])
        if status == "ended":
            raise Problem(409, "job_finished", "the job has ended already")
        if status == "cancelled":
            metrics.JOBS.labels("cancelled").inc()
        cancelled: Status = status
        return cancelled

    async def follow(self, job_id: str, after: str) -> AsyncIterator[bytes]:
        """Yield the events of a job after the event `after`, until its end."""
        last = after
        while True:
            with unavailable_as_problem():
                ended = await self._redis.hget(job_key(job_id), "status") in {*FINAL, None}
                block = None if ended else int(FOLLOW_SECONDS * 1000)
                answer: Any = await self._blocking.xread({events_key(job_id): last}, block=block)
            for _, events in answer:
                for last, fields in events:
                    yield sse.event(fields["event"], json.loads(fields["data"]), last)
            if ended and not answer:
                return
