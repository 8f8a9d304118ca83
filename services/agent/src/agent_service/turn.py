"""One turn of the model: its streamed text, and the tool calls assembled from their chunks."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aip_common.llm import LLM, Usage
from aip_common.llm_errors import unavailable
from openai.types.chat import ChatCompletionMessageParam
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall
from pydantic import BaseModel

from agent_service.tools import Tool

Emit = Callable[[str, BaseModel | None], Awaitable[object]]


class Delta(BaseModel):
    """A chunk of the model's text."""

    content: str


@dataclass
class ToolCall:
    """A tool call of the model; `arguments` is its JSON, which may be invalid."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass
class Turn:
    """A turn of the model."""

    text: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list)
    finish_reason: str = ""
    model: str = ""
    usage: Usage = field(default_factory=Usage)

    def message(self) -> ChatCompletionMessageParam:
        """Return the turn as a message for the model's next request."""
        return {
            "role": "assistant",
            "content": self.text or None,
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in self.tool_calls
            ],
        }


async def next_turn(
    llm: LLM, messages: Sequence[ChatCompletionMessageParam], tools: Sequence[Tool], emit: Emit
) -> Turn:
    """Return the model's next turn; `emit` receives "started" once it has accepted, then each "delta"."""
    options: dict[str, Any] = {"tools": [tool.param() for tool in tools]} if tools else {}
    turn = Turn()
    calls: dict[int, ToolCall] = {}
    stream = await llm.stream(messages, **options)
    try:
        await emit("started", None)
        async for chunk in stream:
            choice = chunk.choices[0]
            turn.model = chunk.model
            if choice.delta.content:
                turn.text += choice.delta.content
                await emit("delta", Delta(content=choice.delta.content))
            _collect(calls, choice.delta.tool_calls or ())
            turn.finish_reason = choice.finish_reason or turn.finish_reason
    finally:
        await stream.aclose()
    if not turn.finish_reason:  # the stream ended early without an error
        raise unavailable()
    turn.tool_calls = [calls[index] for index in sorted(calls)]
    turn.usage = stream.usage
    return turn


def _collect(calls: dict[int, ToolCall], pieces: Iterable[ChoiceDeltaToolCall]) -> None:
    for piece in pieces:
        call = calls.setdefault(piece.index, ToolCall())
        call.id = piece.id or call.id
        if piece.function:
            call.name += piece.function.name or ""
            call.arguments += piece.function.arguments or ""
