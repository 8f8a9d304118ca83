"""Store documents and search their chunks. Everything belongs to a tenant and is visible only to it."""

import asyncio
from collections.abc import Sequence
from weakref import WeakValueDictionary

from aip_common.llm import LLM

from knowledge_service import metrics
from knowledge_service.chunking import chunks
from knowledge_service.documents import Filter, Found, NewDocument, StoredDocument, document_id, point_id
from knowledge_service.embeddings import BATCH, Embeddings
from knowledge_service.qdrant import Json, Point, Qdrant, where
from knowledge_service.settings import Settings


class Knowledge:
    """The documents of all tenants. Methods raise only problems."""

    def __init__(self, llm: LLM, qdrant: Qdrant, settings: Settings) -> None:
        self._qdrant = qdrant
        self._settings = settings
        self._embeddings = Embeddings(llm, settings.embedding_dimensions)
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def ingest(self, tenant: str, document: NewDocument) -> StoredDocument:
        """Store a document, replacing one with the same id; storing the same one again costs nothing.

        It can be found once all of its chunks are stored; until then, the replaced one is found.
        """
        settings = self._settings
        version = document.version(
            settings.chunk_chars, settings.chunk_overlap_chars, settings.azure_openai_embedding_deployment
        )
        name = document.document_id or document_id(tenant, version)
        async with self._locks.setdefault((tenant, name), asyncio.Lock()):
            stored = await self._stored(tenant, name)
            if stored and stored["version"] == version:
                return _document(stored)
            pieces = chunks(document.text, settings.chunk_chars, settings.chunk_overlap_chars)
            payload = {
                "tenant_id": tenant,
                "document_id": name,
                "version": version,
                "status": "partial",
                "title": document.title,
                "metadata": document.metadata,
                "chunks": len(pieces),
            }
            await self._store(pieces, payload)
            mine = {"tenant_id": tenant, "document_id": name}
            await self._qdrant.set_payload({"status": "ready"}, where({**mine, "version": version}))
            await self._qdrant.delete(where(mine, {"version": version}))
            metrics.CHUNKS.inc(len(pieces))
            return _document(payload)

    async def read(self, tenant: str, name: str) -> StoredDocument | None:
        """Return the metadata of a document, or None if it does not exist."""
        stored = await self._stored(tenant, name)
        return _document(stored) if stored else None

    async def delete(self, tenant: str, name: str) -> bool:
        """Delete a document; return whether it existed."""
        async with self._locks.setdefault((tenant, name), asyncio.Lock()):
            stored = await self._stored(tenant, name)
            await self._qdrant.delete(where({"tenant_id": tenant, "document_id": name}))
            return stored is not None

    async def search(self, tenant: str, query: str, top_k: int, only: Filter) -> list[Found]:
        """Return the chunks nearest to the query, best first."""
        vector = await self._embeddings.of_query(query)
        wanted = {f"metadata.{key}": value for key, value in only.items()}
        among = where({"tenant_id": tenant, "status": "ready", **wanted})
        hits = await self._qdrant.nearest(vector, among, top_k)
        metrics.RESULTS.observe(len(hits))
        return [Found(score=hit["score"], **hit["payload"]) for hit in hits]

    async def _stored(self, tenant: str, name: str) -> Json | None:
        return await self._qdrant.first(where({"tenant_id": tenant, "document_id": name, "status": "ready"}))

    async def _store(self, pieces: Sequence[str], document: Json) -> None:
        identity = document["tenant_id"], document["document_id"]
        for first in range(0, len(pieces), BATCH):
            batch = pieces[first : first + BATCH]
            vectors = await self._embeddings.of(batch)
            points = []
            for chunk, (text, vector) in enumerate(zip(batch, vectors, strict=True), start=first):
                payload = {**document, "chunk": chunk, "text": text}
                points.append(Point(point_id(*identity, chunk, document["version"]), vector, payload))
            await self._qdrant.upsert(points)


def _document(payload: Json) -> StoredDocument:
    return StoredDocument.model_validate(payload)
