"""Encode answers in Azure OpenAI's format."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from openai_stub.replies import Json, Reply

CREATED = 1_700_000_000


def usage(prompt: int, completion: int) -> Json:
    """Return a usage object."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def completion(model: str, reply: Reply, prompt: int) -> Json:
    """Return a complete chat completion."""
    message: Json = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if reply.tool_calls:
        message["tool_calls"] = reply.tool_calls
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason, "logprobs": None}
    return {
        "id": f"chatcmpl-{time.time_ns()}",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [choice],
        "usage": usage(prompt, completion_tokens(reply)),
    }


def completion_tokens(reply: Reply) -> int:
    """Return the number of chunks of an answer; a tool call counts as one."""
    return len(reply.pieces()) + len(reply.tool_calls)


async def chunks(
    model: str, reply: Reply, prompt: int, *, include_usage: bool, cut_after: int | None
) -> AsyncIterator[bytes]:
    """Yield a chat completion in paced chunks; abort with an exception after `cut_after` of them."""
    frame = {
        "id": f"chatcmpl-{time.time_ns()}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
    }

    def chunk(delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _data({**frame, "choices": [choice], **({"usage": None} if include_usage else {})})

    yield chunk({"role": "assistant", "content": ""})
    for number, delta in enumerate(_deltas(reply)):
        if number == cut_after:
            raise ConnectionAbortedError("injected fault: stream cut")
        await asyncio.sleep(reply.pace_ms / 1000)
        yield chunk(delta)
    yield chunk({}, reply.finish_reason)
    if include_usage:
        yield _data({**frame, "choices": [], "usage": usage(prompt, completion_tokens(reply))})
    yield b"data: [DONE]\n\n"


def _deltas(reply: Reply) -> list[Json]:
    if not reply.tool_calls:
        return [{"content": piece} for piece in reply.pieces()]
    deltas: list[Json] = []
    for index, call in enumerate(reply.tool_calls):
        function, arguments = call["function"], call["function"]["arguments"]
        half = len(arguments) // 2
        # As in Azure OpenAI: the name first, the arguments in parts.
        deltas.append(_tool_delta(index, {**call, "function": {"name": function["name"], "arguments": ""}}))
        deltas += [
            _tool_delta(index, {"function": {"arguments": part}})
            for part in (arguments[:half], arguments[half:])
        ]
    return deltas


def _tool_delta(index: int, part: Json) -> Json:
    return {"tool_calls": [{"index": index, **part}]}


def _data(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    return f"data: {json.dumps(value)}\n\n".encode()
