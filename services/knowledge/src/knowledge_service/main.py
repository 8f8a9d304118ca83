"""The application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aip_common import app as common
from aip_common.core import core_of
from aip_common.llm import LLM
from fastapi import FastAPI

from knowledge_service.api import router
from knowledge_service.collection import Collection
from knowledge_service.knowledge import Knowledge
from knowledge_service.qdrant import NAME, Qdrant
from knowledge_service.settings import Settings

SERVICE = "knowledge-service"
MAX_DOCUMENT_BYTES = 4 * 1024 * 1024


def create_app(settings: Settings) -> FastAPI:
    """Create the service. It starts without Qdrant and is ready once its collection exists."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        llm = LLM(SERVICE, settings)
        url = str(settings.qdrant_url)
        qdrant = Qdrant(SERVICE, url, settings.qdrant_api_key, settings.qdrant_collection)
        collection = Collection(qdrant, settings.embedding_dimensions, settings.qdrant_retry_seconds)
        app.state.llm = llm
        app.state.knowledge = Knowledge(llm, qdrant, settings)
        core_of(app).readiness.add(NAME, collection.check)
        keeper = asyncio.create_task(collection.keep())
        yield
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await llm.aclose()
        await qdrant.aclose()

    limits = {"/documents": MAX_DOCUMENT_BYTES}
    return common.create_app(SERVICE, settings, routers=[router], lifespan=lifespan, body_limits=limits)
