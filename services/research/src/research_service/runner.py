"""A worker: process jobs one after the other, saving each stage."""

import asyncio
import contextlib
import time

import structlog
from aip_common import request as current
from aip_common.problems import Problem
from redis.exceptions import RedisError

from research_service.consumer import Consumer, Delivery, NotOursError
from research_service.models import Failure, State
from research_service.researcher import Researcher
from research_service.settings import Settings

MAX_DELIVERIES = 3
RETRY_SECONDS = 1.0
MAX_RETRY_SECONDS = 60
_TRANSIENT = {503, 504}

log = structlog.get_logger()


class Runner:
    """A worker. It stops when `stopping` is set and the current stage is saved."""

    def __init__(
        self, consumer: Consumer, researcher: Researcher, settings: Settings, stopping: asyncio.Event
    ) -> None:
        self._consumer = consumer
        self._researcher = researcher
        self._settings = settings
        self._stopping = stopping
        self._left: Delivery | None = None  # a job that was interrupted by a failure of Redis

    async def run(self) -> None:
        """Work until `stopping` is set; failures are logged and retried later."""
        while not self._stopping.is_set():
            try:
                await self._consumer.prepare()
                if self._left:
                    await self._consumer.hand_back(self._left)
                    self._left = None
                while not self._stopping.is_set():
                    delivery = await self._consumer.claim()
                    if delivery:
                        await self._take(delivery)
            except RedisError as error:
                log.warning("redis does not answer the worker", error=type(error).__name__)
                await self._pause(RETRY_SECONDS)
            except Exception:
                # The entry remains with this consumer and is taken over after its idle time.
                log.exception("job crashed")
                await self._pause(RETRY_SECONDS)

    async def _take(self, delivery: Delivery) -> None:
        """Process the job with heartbeats, until it ends or no longer belongs to this worker."""
        work = asyncio.create_task(self._work(delivery))
        beat = asyncio.create_task(self._beat(delivery))
        try:
            await asyncio.wait([work, beat], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await _end(work, beat)
            await self._consumer.hand_back(delivery)
            raise
        for error in await _end(work, beat):
            if isinstance(error, NotOursError):
                log.info("job dropped", job_id=delivery.job_id, reason=str(error))
                return
            self._left = delivery if isinstance(error, RedisError) else None
            raise error

    async def _beat(self, delivery: Delivery) -> None:
        while True:
            await asyncio.sleep(self._settings.research_heartbeat_seconds)
            with contextlib.suppress(RedisError):  # there is time for more
                await self._consumer.write(delivery)

    async def _work(self, delivery: Delivery) -> None:
        if delivery.count > MAX_DELIVERIES:
            text = f"{MAX_DELIVERIES} workers in a row did not finish this job"
            await self._fail(delivery, Failure(code="too_many_deliveries", detail=text), dead=True)
            return
        state = await self._consumer.load(delivery)
        structlog.contextvars.bind_contextvars(request_id=current.begin(state.request_id, ""))
        await self._consumer.write(
            delivery, "started", {"delivery": delivery.count}, status="running", deliveries=delivery.count
        )
        try:
            while state.report is None:
                if self._stopping.is_set():
                    await self._consumer.hand_back(delivery)
                    return
                await self._stage(delivery, state)
            await self._consumer.write(delivery, "succeeded", status="succeeded")
        except Problem as problem:
            await self._fail(delivery, Failure(code=problem.code, detail=str(problem.detail)))

    async def _stage(self, delivery: Delivery, state: State) -> None:
        """Run the next stage and save it; wait while the model or the knowledge service is unavailable."""
        give_up = time.monotonic() + self._settings.research_stage_seconds
        while not self._stopping.is_set():
            try:
                stage = await self._researcher.advance(state)
            except Problem as problem:
                if problem.status_code not in _TRANSIENT or time.monotonic() > give_up:
                    raise
                delay = min(problem.extra.get("retry_after", RETRY_SECONDS), MAX_RETRY_SECONDS)
                await self._consumer.write(delivery, "waiting", {"code": problem.code, "seconds": delay})
                await self._pause(delay)
            else:
                done, of = state.progress()
                data = {"stage": stage, "done": done, "of": of}
                text = state.model_dump_json()
                await self._consumer.write(delivery, "stage", data, stage=stage, state=text)
                return

    async def _fail(self, delivery: Delivery, failure: Failure, *, dead: bool = False) -> None:
        log.warning("job failed", job_id=delivery.job_id, code=failure.code)
        await self._consumer.write(
            delivery,
            "failed",
            failure.model_dump(),
            dead=dead,
            status="failed",
            error=failure.model_dump_json(),
        )

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


async def _end(*tasks: asyncio.Task[None]) -> list[BaseException]:
    """Cancel the tasks and return their exceptions."""
    for task in tasks:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    return [outcome for outcome in outcomes if outcome and not isinstance(outcome, asyncio.CancelledError)]
