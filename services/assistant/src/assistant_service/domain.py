"""Requests, answers, and the part of a conversation to send to the model."""

from collections.abc import Sequence
from typing import Any, Literal

from aip_common.llm import Usage
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel, Field

from assistant_service.profiles import PROFILES, Name


class Message(BaseModel, extra="forbid"):
    """One turn of the conversation."""

    role: Literal["user", "assistant"]
    content: str = Field(min_length=1, max_length=100_000)


class ChatRequest(BaseModel, extra="forbid"):
    """A conversation that ends with the turn to be answered."""

    messages: list[Message] = Field(min_length=1, max_length=200)
    profile: Name = "default"
    response_schema: dict[str, Any] | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1, le=16_384)
    stream: bool = False

    def options(self) -> dict[str, Any]:
        """Return the model's options for this request, without unset ones."""
        options: dict[str, Any] = {}
        if self.temperature is not None:
            options["temperature"] = self.temperature
        if self.max_tokens is not None:
            options["max_tokens"] = self.max_tokens
        if self.response_schema is not None:
            schema = {"name": "answer", "schema": self.response_schema, "strict": True}
            options["response_format"] = {"type": "json_schema", "json_schema": schema}
        return options


class Answer(BaseModel):
    """The model's turn; empty if the model returned no text."""

    role: Literal["assistant"] = "assistant"
    content: str


class ChatAnswer(BaseModel):
    """The model's turn with its metadata."""

    message: Answer
    finish_reason: str
    model: str
    usage: Usage


def for_model(request: ChatRequest, budget_chars: int) -> list[ChatCompletionMessageParam]:
    """Return the system prompt and as many of the latest turns as fit the budget, but at least the last."""
    turns: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": turn.content}
        if turn.role == "user"
        else {"role": "assistant", "content": turn.content}
        for turn in trimmed(request.messages, budget_chars)
    ]
    return [{"role": "system", "content": PROFILES[request.profile]}, *turns]


def trimmed(messages: Sequence[Message], budget_chars: int) -> Sequence[Message]:
    """Return the longest end of the conversation within the budget that starts with a user's turn."""
    left = budget_chars - len(messages[-1].content)
    start = len(messages) - 1
    while start > 0 and left >= len(messages[start - 1].content):
        start -= 1
        left -= len(messages[start].content)
    while start < len(messages) - 1 and messages[start].role != "user":
        start += 1
    return messages[start:]
