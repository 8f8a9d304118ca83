"""The application, complete or only as a worker."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aip_common import app as common
from aip_common.core import core_of
from aip_common.llm import LLM
from aip_common.redis_client import OPERATION_SECONDS, connect
from fastapi import APIRouter, FastAPI

from research_service import queue_metrics
from research_service.api import router
from research_service.consumer import Consumer
from research_service.jobs import FOLLOW_SECONDS, Jobs
from research_service.knowledge import Knowledge
from research_service.researcher import Researcher
from research_service.runner import Runner
from research_service.settings import Settings

SERVICE = "research-service"


def create_app(settings: Settings) -> FastAPI:
    """Create the service with workers in the same process."""
    return _create(settings, [router])


def create_worker(settings: Settings) -> FastAPI:
    """Create workers with only probes and metrics."""
    return _create(settings, [])


def _create(settings: Settings, routers: Sequence[APIRouter]) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        redis = connect(settings.redis_url)
        longest = max(FOLLOW_SECONDS, settings.research_block_seconds)
        blocking = connect(settings.redis_url, longest + OPERATION_SECONDS)
        llm = LLM(SERVICE, settings)
        knowledge = None
        if settings.knowledge_url:
            knowledge = Knowledge(SERVICE, settings.knowledge_url, settings.internal_token_secret)
        readiness = core_of(app).readiness
        readiness.add("redis", redis.ping)
        app.state.jobs = Jobs(redis, blocking, settings)
        researcher = Researcher(llm, knowledge)
        runners = [
            asyncio.create_task(
                Runner(Consumer(redis, blocking, settings), researcher, settings, readiness.draining).run()
            )
            for _ in range(settings.research_workers)
        ]
        watcher = asyncio.create_task(queue_metrics.watch(redis, settings.research_reclaim_seconds))
        yield
        readiness.draining.set()
        await _stop(runners, settings.research_stop_seconds)
        await _stop([watcher], 0)
        await llm.aclose()
        if knowledge:
            await knowledge.aclose()
        await blocking.aclose()
        await redis.aclose()

    return common.create_app(SERVICE, settings, routers=routers, lifespan=lifespan)


async def _stop(tasks: Sequence[asyncio.Task[None]], seconds: float) -> None:
    """Give the tasks time to end by themselves, then cancel them."""
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
