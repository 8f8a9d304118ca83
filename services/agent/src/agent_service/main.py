"""The application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aip_common import app as common
from aip_common.core import core_of
from aip_common.llm import LLM
from aip_common.redis_client import connect
from fastapi import FastAPI

from agent_service.agent import Agent
from agent_service.api import router
from agent_service.builtin import toolbox
from agent_service.knowledge import Knowledge
from agent_service.sessions import Sessions
from agent_service.settings import Settings

SERVICE = "agent-service"


def create_app(settings: Settings) -> FastAPI:
    """Create the service. It is ready without Redis, unless sessions are required."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        redis = connect(settings.redis_url)
        llm = LLM(SERVICE, settings)
        knowledge = None
        if settings.knowledge_url:
            knowledge = Knowledge(SERVICE, settings.knowledge_url, settings.internal_token_secret)
        tools = toolbox(knowledge, settings.agent_tool_seconds)
        app.state.agent = Agent(llm, tools, Sessions(redis, settings), settings)
        core_of(app).readiness.add("redis", redis.ping, lambda: settings.agent_require_sessions)
        yield
        await llm.aclose()
        await redis.aclose()
        if knowledge:
            await knowledge.aclose()

    return common.create_app(SERVICE, settings, routers=[router], lifespan=lifespan)
