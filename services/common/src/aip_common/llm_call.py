"""One call of the model, from waiting for a slot to its metrics."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import httpx2
import openai
from openai.types import CompletionUsage
from openai.types.create_embedding_response import Usage as EmbeddingUsage
from pydantic import BaseModel

from aip_common import metrics
from aip_common import request as current
from aip_common.breaker import Breaker, BreakerOpenError
from aip_common.llm_errors import failure_of, unavailable
from aip_common.problems import Problem, deadline_exceeded

UPSTREAM = "azure-openai"


class Price(BaseModel, extra="forbid", frozen=True):
    """The price of a million tokens in US dollars."""

    input: float = 0.0
    output: float = 0.0


class Usage(BaseModel, frozen=True):
    """Tokens used by one call or several."""

    input_tokens: int = 0
    output_tokens: int = 0

    @classmethod
    def of(cls, usage: CompletionUsage | EmbeddingUsage | None) -> Self:
        """Read the tokens from the SDK's usage object; embeddings have no output tokens."""
        if usage is None:
            return cls()
        output = usage.completion_tokens if isinstance(usage, CompletionUsage) else 0
        return cls(input_tokens=usage.prompt_tokens, output_tokens=output)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


class Call:
    """A call in progress: `begin` it, run it in `watched`, `end` it; a failure in `watched` also ends it.

    `labels` are service, operation and model.
    """

    def __init__(
        self,
        labels: tuple[str, str, str],
        *,
        breaker: Breaker,
        slots: asyncio.Semaphore,
        price: Price,
        total_seconds: float,
    ) -> None:
        self._labels = labels
        self._breaker = breaker
        self._slots = slots
        self._price = price
        self._limit = current.seconds_left(total_seconds)
        self._caller_is_shorter = self._limit < total_seconds
        self._started = time.perf_counter()
        self._first_token_seen = False
        self._ended = False

    async def begin(self, queue_seconds: float) -> None:
        """Wait for a slot. Raise the 503 problem if there is none in time or the breaker is open."""
        try:
            async with asyncio.timeout(queue_seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise Problem(503, "overloaded", "too many concurrent model calls", retry_after=1) from None
        try:
            self._breaker.before()
        except BreakerOpenError as error:
            self._slots.release()
            metrics.LLM_REQUESTS.labels(*self._labels, "breaker_open").inc()
            raise unavailable(error.retry_after) from error
        self._started = time.perf_counter()

    def time_limit(self) -> asyncio.Timeout:
        """Return a context that limits the call to the caller's deadline or the configured time."""
        return asyncio.timeout(self._limit)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Convert every failure inside to a problem, and end the call with it."""
        try:
            yield
        except TimeoutError as error:
            self.end("unavailable")
            raise (deadline_exceeded() if self._caller_is_shorter else unavailable()) from error
        except (openai.OpenAIError, httpx2.HTTPError) as error:
            outcome, problem = failure_of(error)
            self.end(outcome)
            raise problem from error
        except BaseException:
            self.end("cancelled")
            raise

    def first_token(self) -> None:
        """Record the first token of a streamed answer."""
        if not self._first_token_seen:
            self._first_token_seen = True
            metrics.LLM_FIRST_TOKEN_SECONDS.labels(*self._labels).observe(time.perf_counter() - self._started)

    def used(self, usage: CompletionUsage | EmbeddingUsage | None) -> Usage:
        """Count the tokens of the call and their cost; return them."""
        used = Usage.of(usage)
        service, _, model = self._labels
        metrics.LLM_TOKENS.labels(service, model, "input").inc(used.input_tokens)
        metrics.LLM_TOKENS.labels(service, model, "output").inc(used.output_tokens)
        if isinstance(usage, CompletionUsage) and usage.prompt_tokens_details:
            metrics.LLM_TOKENS.labels(service, model, "cached").inc(
                usage.prompt_tokens_details.cached_tokens or 0
            )
        cost = used.input_tokens * self._price.input + used.output_tokens * self._price.output
        metrics.LLM_COST.labels(service, model).inc(cost / 1_000_000)
        return used

    def end(self, outcome: str) -> None:
        """Free the slot and count the call; only the first call of this method has an effect."""
        if self._ended:
            return
        self._ended = True
        self._slots.release()
        metrics.LLM_REQUESTS.labels(*self._labels, outcome).inc()
        metrics.LLM_SECONDS.labels(*self._labels).observe(time.perf_counter() - self._started)
        if outcome == "unavailable":
            self._breaker.failure()
        elif outcome == "cancelled":
            self._breaker.neither()
        else:
            self._breaker.success()
