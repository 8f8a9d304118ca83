"""The application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aip_common import app as common
from aip_common.llm import LLM
from fastapi import FastAPI

from assistant_service.api import Context, router
from assistant_service.settings import Settings

SERVICE = "assistant-service"


def create_app(settings: Settings) -> FastAPI:
    """Create the service. It needs only the model, which readiness never calls."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        llm = LLM(SERVICE, settings)
        app.state.context = Context(llm, settings.history_chars)
        yield
        await llm.aclose()

    return common.create_app(SERVICE, settings, routers=[router], lifespan=lifespan)
