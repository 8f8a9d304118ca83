"""The endpoints."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from aip_common import sse
from aip_common.core import core_of
from aip_common.identity import CallerDep
from aip_common.llm import LLM, ChatStream, Usage
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from assistant_service.domain import Answer, ChatAnswer, ChatRequest, for_model
from assistant_service.profiles import PROFILES

router = APIRouter()


@dataclass(frozen=True)
class Context:
    """The objects that the endpoints use."""

    llm: LLM
    history_chars: int


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


ContextDep = Annotated[Context, Depends(_context)]


@router.get("/profiles")
async def profiles(_caller: CallerDep) -> dict[str, list[str]]:
    """Return the names of the profiles."""
    return {"profiles": list(PROFILES)}


@router.post("/chat", response_model=ChatAnswer)
async def chat(
    request: Request, body: ChatRequest, context: ContextDep, _caller: CallerDep
) -> ChatAnswer | Response:
    """Answer the conversation, as JSON or as events `meta`, `delta`…, `usage`, `done`, or `error`."""
    messages = for_model(body, context.history_chars)
    if body.stream:
        stream = await context.llm.stream(messages, **body.options())
        return sse.EventStream(_events(stream), core_of(request).readiness.draining, stream.aclose)
    answer = await context.llm.chat(messages, **body.options())
    choice = answer.choices[0]
    return ChatAnswer(
        message=Answer(content=choice.message.content or ""),
        finish_reason=choice.finish_reason,
        model=answer.model,
        usage=Usage.of(answer.usage),
    )


async def _events(stream: ChatStream) -> AsyncIterator[bytes]:
    finish_reason = "stop"
    model = ""
    async for chunk in stream:
        if not model:
            model = chunk.model
            yield sse.event("meta", {"model": model})
        choice = chunk.choices[0]
        finish_reason = choice.finish_reason or finish_reason
        if choice.delta.content:
            yield sse.event("delta", {"content": choice.delta.content})
    yield sse.event("usage", stream.usage.model_dump() | {"model": model})
    yield sse.event("done", {"finish_reason": finish_reason})
