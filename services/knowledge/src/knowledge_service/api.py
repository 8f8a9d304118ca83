"""The endpoints."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from aip_common import sse
from aip_common.core import core_of
from aip_common.identity import CallerDep
from aip_common.llm import LLM, ChatStream, Usage
from aip_common.problems import Problem
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from knowledge_service import answers
from knowledge_service.documents import DocumentId, Filter, Found, NewDocument, StoredDocument
from knowledge_service.knowledge import Knowledge

router = APIRouter()

TopK = Annotated[int, Field(ge=1, le=20)]
Question = Annotated[str, Field(min_length=1, max_length=8000, pattern=r"\S")]


class SearchRequest(BaseModel, extra="forbid"):
    """A search; `filter` are values that the metadata must have."""

    query: Question
    top_k: TopK = 5
    filter: Filter = {}


class SearchResult(BaseModel):
    """The results, best first."""

    results: list[Found]


class AnswerRequest(BaseModel, extra="forbid"):
    """A question about the documents."""

    question: Question
    top_k: TopK = 5
    filter: Filter = {}
    stream: bool = False


def _knowledge(request: Request) -> Knowledge:
    knowledge: Knowledge = request.app.state.knowledge
    return knowledge


def _llm(request: Request) -> LLM:
    llm: LLM = request.app.state.llm
    return llm


KnowledgeDep = Annotated[Knowledge, Depends(_knowledge)]
LLMDep = Annotated[LLM, Depends(_llm)]


@router.post("/documents", status_code=201)
async def store(body: NewDocument, knowledge: KnowledgeDep, caller: CallerDep) -> StoredDocument:
    """Store a document, replacing one with the same id."""
    return await knowledge.ingest(caller.tenant, body)


@router.get("/documents/{document_id}")
async def read(document_id: DocumentId, knowledge: KnowledgeDep, caller: CallerDep) -> StoredDocument:
    """Return the metadata of a document."""
    document = await knowledge.read(caller.tenant, document_id)
    if document is None:
        raise _no_document()
    return document


@router.delete("/documents/{document_id}", status_code=204)
async def delete(document_id: DocumentId, knowledge: KnowledgeDep, caller: CallerDep) -> None:
    """Delete a document."""
    if not await knowledge.delete(caller.tenant, document_id):
        raise _no_document()


@router.post("/search")
async def search(body: SearchRequest, knowledge: KnowledgeDep, caller: CallerDep) -> SearchResult:
    """Return the chunks of documents nearest to the query."""
    return SearchResult(results=await knowledge.search(caller.tenant, body.query, body.top_k, body.filter))


@router.post("/answer", response_model=answers.Answer)
async def answer(
    request: Request, body: AnswerRequest, knowledge: KnowledgeDep, llm: LLMDep, caller: CallerDep
) -> answers.Answer | Response:
    """Answer from the documents, as JSON or as events `delta`…, `citations`, `usage`, `done`, or `error`."""
    sources = await knowledge.search(caller.tenant, body.question, body.top_k, body.filter)
    draining = core_of(request).readiness.draining
    if not sources:
        nothing = _nothing_found()
        return sse.EventStream(_ending(nothing, [nothing.answer]), draining) if body.stream else nothing
    asked = answers.messages(body.question, sources)
    if body.stream:
        stream = await llm.stream(asked)
        return sse.EventStream(_events(stream, sources), draining, stream.aclose)
    said = await llm.chat(asked)
    choice, text = said.choices[0], said.choices[0].message.content or ""
    return answers.Answer(
        answer=text,
        citations=answers.citations(text, sources),
        finish_reason=choice.finish_reason,
        model=said.model,
        usage=Usage.of(said.usage),
    )


async def _events(stream: ChatStream, sources: Sequence[Found]) -> AsyncIterator[bytes]:
    text, model, finish_reason = "", "", "stop"
    async for chunk in stream:
        choice = chunk.choices[0]
        model = chunk.model or model
        finish_reason = choice.finish_reason or finish_reason
        if choice.delta.content:
            text += choice.delta.content
            yield sse.event("delta", {"content": choice.delta.content})
    whole = answers.Answer(
        answer=text,
        citations=answers.citations(text, sources),
        finish_reason=finish_reason,
        model=model,
        usage=stream.usage,
    )
    async for frame in _ending(whole, []):
        yield frame


async def _ending(whole: answers.Answer, unsaid: Sequence[str]) -> AsyncIterator[bytes]:
    for content in unsaid:
        yield sse.event("delta", {"content": content})
    yield sse.event("citations", {"citations": [citation.model_dump() for citation in whole.citations]})
    yield sse.event("usage", whole.usage.model_dump() | {"model": whole.model})
    yield sse.event("done", {"finish_reason": whole.finish_reason})


def _nothing_found() -> answers.Answer:
    return answers.Answer(
        answer=answers.NOTHING_FOUND, citations=[], finish_reason="nothing_found", model="", usage=Usage()
    )


def _no_document() -> Problem:
    return Problem(404, "not_found", "there is no such document")
