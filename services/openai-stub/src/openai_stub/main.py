"""The application: both variants of the API, fault injection, and a record of requests."""

import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from openai_stub import embeddings, wire
from openai_stub.faults import Fault, Faults, error, suffer
from openai_stub.replies import Json, prompt_tokens, reply_to

KEPT_REQUESTS = 1000


class State:
    """The state of one stand-in."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.requests: list[Json] = []

    def note(self, request: Request, operation: str, body: Json) -> Json:
        """Record a call; its `outcome` is set when it is known."""
        headers = {name: value for name, value in request.headers.items() if name.startswith("x-")}
        record: Json = {
            "operation": operation,
            "path": str(request.url.path),
            "query": str(request.url.query),
        }
        record |= {"headers": headers, "body": body, "outcome": "disconnected"}
        self.requests = [*self.requests[1 - KEPT_REQUESTS :], record]
        return record


def create_app() -> FastAPI:
    """Create a stand-in with its own state."""
    app = FastAPI(title="openai-stub (stand-in)", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.stub = State()
    app.include_router(_router)
    return app


_router = APIRouter()


def _state(request: Request) -> State:
    state: State = request.app.state.stub
    return state


@_router.get("/health")
async def _health() -> dict[str, str]:
    return {"status": "ok", "service": "openai-stub", "note": "stand-in, not a model"}


@_router.post("/_stub/faults")
async def _add_fault(request: Request, fault: Fault) -> dict[str, str]:
    _state(request).faults.add(fault)
    return {"status": "ok"}


@_router.get("/_stub/requests")
async def _requests(request: Request) -> dict[str, Any]:
    return {"requests": _state(request).requests}


@_router.post("/_stub/reset")
async def _reset(request: Request) -> dict[str, str]:
    _state(request).faults.clear()
    _state(request).requests = []
    return {"status": "ok"}


@_router.post("/openai/deployments/{model}/chat/completions")
async def _chat_of_deployment(request: Request, model: str) -> Response:
    return await _versioned(request) or await _call(request, "chat", model)


@_router.post("/openai/deployments/{model}/embeddings")
async def _embeddings_of_deployment(request: Request, model: str) -> Response:
    return await _versioned(request) or await _call(request, "embeddings", model)


@_router.post("/openai/v1/chat/completions")
async def _chat(request: Request) -> Response:
    return await _call(request, "chat", None)


@_router.post("/openai/v1/embeddings")
async def _embeddings(request: Request) -> Response:
    return await _call(request, "embeddings", None)


async def _versioned(request: Request) -> Response | None:
    missing = "api-version" not in request.query_params
    return error(404, "404", "Resource not found: api-version is missing") if missing else None


async def _call(request: Request, operation: str, model: str | None) -> Response:
    key = request.headers.get("api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
    if not key:
        return error(401, "401", "Access denied due to missing subscription key")
    body: Json = await request.json()
    model = model or body.get("model", "")
    record = _state(request).note(request, operation, body)
    fault = _state(request).faults.take(operation, json.dumps(body, ensure_ascii=False))
    failed = await suffer(fault) if fault else None
    if failed:
        record["outcome"] = failed.status_code
        return failed
    cut_after = fault.after_pieces if fault and fault.mode == "cut" else None
    return _answer(operation, str(model), body, record, cut_after)


def _answer(operation: str, model: str, body: Json, record: Json, cut_after: int | None) -> Response:
    if operation == "chat" and body.get("stream"):
        return StreamingResponse(_stream(model, body, record, cut_after), media_type="text/event-stream")
    if cut_after is not None:
        return StreamingResponse(_cut(), media_type="application/json", headers={"content-length": "10"})
    record["outcome"] = 200
    if operation == "embeddings":
        return JSONResponse(_embedded(model, body))
    return JSONResponse(wire.completion(model, reply_to(body), prompt_tokens(body)))


async def _stream(model: str, body: Json, record: Json, cut_after: int | None) -> AsyncIterator[bytes]:
    include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    async for chunk in wire.chunks(
        model, reply_to(body), prompt_tokens(body), include_usage=include_usage, cut_after=cut_after
    ):
        yield chunk
    record["outcome"] = 200


async def _cut() -> AsyncIterator[bytes]:
    yield b"{"
    raise ConnectionAbortedError("injected fault: connection cut")


def _embedded(model: str, body: Json) -> Json:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    dimensions = body.get("dimensions") or embeddings.DIMENSIONS
    vectors = [embeddings.embed(text, dimensions) for text in texts]
    encode = embeddings.base64_of if body.get("encoding_format") == "base64" else list
    data = [
        {"object": "embedding", "index": at, "embedding": encode(vector)} for at, vector in enumerate(vectors)
    ]
    tokens = sum(len(embeddings.words(text)) for text in texts)
    return {
        "object": "list",
        "model": model,
        "data": data,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
