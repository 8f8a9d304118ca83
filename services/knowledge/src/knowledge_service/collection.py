"""Create the collection before it is used, and again if it gets lost."""

import asyncio

import structlog

from knowledge_service.qdrant import Qdrant

log = structlog.get_logger()


class CollectionMismatchError(Exception):
    """The collection contains vectors of another model."""

    def __init__(self, collection: str, there: int, wanted: int) -> None:
        super().__init__(
            f"the collection {collection} has vectors of {there} numbers, EMBEDDING_DIMENSIONS is {wanted}: "
            "set it to what the model gives, and QDRANT_COLLECTION to a new name if the model has changed"
        )


class Collection:
    """Keep the collection set up; without it the service is not ready."""

    def __init__(self, qdrant: Qdrant, dimensions: int, retry_seconds: float) -> None:
        self._qdrant = qdrant
        self._dimensions = dimensions
        self._retry_seconds = retry_seconds
        self._failure: Exception = RuntimeError("not set up yet")

    async def keep(self) -> None:
        """Create the collection whenever it is missing, until cancelled."""
        while True:
            await self._qdrant.missing.wait()
            try:
                await self._set_up()
            except Exception as error:  # noqa: BLE001 - the one task that mends this must outlive any failure
                self._failure = error
                log.warning("collection not set up", error=type(error).__name__, reason=str(error))
                await asyncio.sleep(self._retry_seconds)
            else:
                self._qdrant.missing.clear()
                log.info("collection ready", collection=self._qdrant.collection)

    async def check(self) -> None:
        """Check readiness: raise unless the collection exists and Qdrant responds."""
        if not self._qdrant.missing.is_set():
            await self._qdrant.vector_size()
        if self._qdrant.missing.is_set():
            raise self._failure.with_traceback(None)

    async def _set_up(self) -> None:
        there = await self._qdrant.vector_size()
        if there is None:
            await self._qdrant.create(self._dimensions)
        elif there != self._dimensions:
            raise CollectionMismatchError(self._qdrant.collection, there, self._dimensions)
        await self._qdrant.index()
