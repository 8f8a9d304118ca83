"""A client of Azure OpenAI's language model, with limits, metrics and a mapping of failures."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Literal

import httpx2
from openai import AsyncAzureOpenAI, AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam
from pydantic import Field, SecretStr

from aip_common.breaker import Breaker
from aip_common.llm_call import UPSTREAM, Call, Price, Usage
from aip_common.settings import HttpUrl, Settings

CONNECT_SECONDS = 2.0

__all__ = ["LLM", "UPSTREAM", "ChatStream", "LLMSettings", "Price", "Usage"]


class LLMSettings(Settings):
    """Settings of the services that call the model."""

    azure_openai_endpoint: HttpUrl
    azure_openai_api_key: SecretStr = Field(min_length=1)
    azure_openai_api: Literal["deployments", "v1"] = "deployments"
    azure_openai_api_version: str = "2024-10-21"
    azure_openai_chat_deployment: str = "gpt-4o-mini"
    azure_openai_embedding_deployment: str = "text-embedding-3-small"
    llm_read_seconds: float = Field(default=30, gt=0)
    llm_total_seconds: float = Field(default=55, gt=0)
    llm_max_retries: int = Field(default=2, ge=0, le=5)
    llm_concurrency: int = Field(default=64, ge=1)
    llm_queue_seconds: float = Field(default=2, gt=0)
    llm_prices: dict[str, Price] = Field(default_factory=dict)


class LLM:
    """The model. Methods raise only problems (see `llm_errors`)."""

    def __init__(self, service: str, settings: LLMSettings) -> None:
        self._service = service
        self._settings = settings
        self._client = _client(settings)
        self._breaker = Breaker(service, UPSTREAM)
        self._slots = asyncio.Semaphore(settings.llm_concurrency)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def chat(
        self,
        messages: Iterable[ChatCompletionMessageParam],
        **options: Any,  # noqa: ANN401 - the SDK's own
    ) -> ChatCompletion:
        """Return the model's answer to the messages.

        `options` are options of the SDK (tools, temperature…).
        """
        model = self._settings.azure_openai_chat_deployment
        call = await self._begin("chat", model)
        with call.watched():
            async with call.time_limit():
                answer: ChatCompletion = await self._client.chat.completions.create(
                    model=model, messages=messages, **options
                )
        call.used(answer.usage)
        call.end("ok")
        return answer

    async def stream(
        self,
        messages: Iterable[ChatCompletionMessageParam],
        **options: Any,  # noqa: ANN401 - the SDK's own
    ) -> "ChatStream":
        """Return a streamed answer once the model has accepted the request; close it after use."""
        model = self._settings.azure_openai_chat_deployment
        call = await self._begin("chat", model)
        with call.watched():
            async with call.time_limit():
                chunks = await self._client.chat.completions.create(
                    model=model,
                    messages=messages,
                    stream=True,
                    stream_options={"include_usage": True},
                    **options,
                )
        return ChatStream(call, chunks)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector per text, in the same order."""
        model = self._settings.azure_openai_embedding_deployment
        call = await self._begin("embeddings", model)
        with call.watched():
            async with call.time_limit():
                answer = await self._client.embeddings.create(model=model, input=list(texts))
        call.used(answer.usage)
        call.end("ok")
        return [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]

    async def _begin(self, operation: str, model: str) -> Call:
        settings = self._settings
        call = Call(
            (self._service, operation, model),
            breaker=self._breaker,
            slots=self._slots,
            price=settings.llm_prices.get(model, Price()),
            total_seconds=settings.llm_total_seconds,
        )
        await call.begin(settings.llm_queue_seconds)
        return call


class ChatStream:
    """The chunks of a streamed answer; the usage is known after the last one."""

    def __init__(self, call: Call, chunks: AsyncStream[ChatCompletionChunk]) -> None:
        self._call = call
        self._chunks = chunks
        self.usage = Usage()

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        """Yield the chunks that contain a choice."""
        with self._call.watched():
            async for chunk in self._chunks:
                if chunk.usage:
                    self.usage = self._call.used(chunk.usage)
                if chunk.choices:
                    self._call.first_token()
                    yield chunk
        self._call.end("ok")

    async def aclose(self) -> None:
        """End the call, even before it has finished; may be called twice."""
        await self._chunks.close()
        self._call.end("cancelled")


def _client(settings: LLMSettings) -> AsyncOpenAI:
    key = settings.azure_openai_api_key.get_secret_value()
    timeout = httpx2.Timeout(settings.llm_read_seconds, connect=CONNECT_SECONDS)
    if settings.azure_openai_api == "v1":
        return AsyncOpenAI(
            base_url=settings.azure_openai_endpoint.rstrip("/") + "/openai/v1/",
            api_key=key,
            timeout=timeout,
            max_retries=settings.llm_max_retries,
        )
    return AsyncAzureOpenAI(
        azure_endpoint=settings.azure_openai_endpoint,
        api_version=settings.azure_openai_api_version,
        api_key=key,
        timeout=timeout,
        max_retries=settings.llm_max_retries,
    )
