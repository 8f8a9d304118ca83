"""The application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aip_common import app as common
from aip_common import redis_client
from aip_common.core import core_of
from aip_common.readiness import Readiness
from aip_common.settings import load
from aip_common.upstream import Upstream
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway import admin, database, public
from gateway.context import Context
from gateway.keys import KeyStore
from gateway.ratelimit import RateLimit
from gateway.routes import DOCUMENTS_PATH
from gateway.settings import Settings
from gateway.usage import UsageLog

SERVICE = "gateway"


def create_app(settings: Settings) -> FastAPI:
    """Create the service. It is ready with the database or, for a while, with cached keys."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.context = _open(settings, stack, core_of(app).readiness)
            yield

    return common.create_app(
        SERVICE,
        settings,
        routers=[public.router, admin.router],
        lifespan=lifespan,
        body_limits={DOCUMENTS_PATH: settings.max_document_bytes},
    )


def app() -> FastAPI:
    """Create the service with settings from the environment, for uvicorn's reload (compose.dev.yaml)."""
    return create_app(load(Settings, SERVICE))


def _open(settings: Settings, stack: AsyncExitStack, readiness: Readiness) -> Context:
    """Create the objects; the exit stack closes them, the usage log before the database."""
    engine = database.engine(settings.database_url, settings.database_password)
    stack.push_async_callback(engine.dispose)
    redis = redis_client.connect(settings.redis_url)
    stack.push_async_callback(redis.aclose)
    usage = UsageLog(engine, settings.usage_queue_rows)
    stack.push_async_callback(usage.close)
    writer = asyncio.create_task(usage.run())
    stack.callback(writer.cancel)
    urls = {
        "assistant-service": settings.assistant_url,
        "knowledge-service": settings.knowledge_url,
        "agent-service": settings.agent_url,
        "research-service": settings.research_url,
    }
    upstreams = {name: Upstream(SERVICE, name, url) for name, url in urls.items()}
    for upstream in upstreams.values():
        stack.push_async_callback(upstream.aclose)
    keys = KeyStore(
        engine,
        settings.api_key_pepper,
        service=SERVICE,
        cache_seconds=settings.key_cache_seconds,
        stale_seconds=settings.key_stale_seconds,
    )
    limit = RateLimit(
        redis, service=SERVICE, per_minute=settings.rate_limit_per_minute, burst=settings.rate_limit_burst
    )
    readiness.add("postgres", lambda: _ping(engine), required=lambda: not keys.warm())
    readiness.add("redis", redis.ping, required=lambda: False)
    return Context(settings, keys, limit, usage, upstreams)


async def _ping(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
