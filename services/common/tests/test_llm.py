"""The model's client against the stand-in, over a real connection: every way a call ends."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aip_common import metrics
from aip_common import request as current
from aip_common.llm import LLM, LLMSettings, Price, Usage
from aip_common.problems import Problem
from aip_testing.stub import Stub
from openai.types.chat import ChatCompletionMessageParam
from pydantic import SecretStr

pytestmark = pytest.mark.anyio
QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How large is an image?"}]
Make = Callable[..., LLM]


@pytest.fixture
async def make(openai_stub: Stub) -> AsyncIterator[Make]:
    made: list[LLM] = []

    def make(**changes: Any) -> LLM:  # noqa: ANN401
        values: dict[str, Any] = {
            "azure_openai_endpoint": openai_stub.url,
            "azure_openai_api_key": SecretStr("key"),
            "internal_token_secret": SecretStr("0123456789abcdef" * 2),
            "llm_read_seconds": 0.5,
            "llm_max_retries": 0,
        }
        made.append(LLM("test", LLMSettings(**values | changes)))
        return made[-1]

    yield make
    for llm in made:
        await llm.aclose()


async def _problem_of(llm: LLM) -> Problem:
    with pytest.raises(Problem) as raised:
        await llm.chat(QUESTION)
    return raised.value


def _count(outcome: str) -> float:
    counter = metrics.LLM_REQUESTS.labels("test", "chat", "gpt-4o-mini", outcome)
    return float(counter._value.get())  # noqa: SLF001 - it has no reader


@pytest.mark.parametrize("api", ["deployments", "v1"])
async def test_answer(make: Make, openai_stub: Stub, api: str) -> None:
    answer = await make(azure_openai_api=api).chat(QUESTION, temperature=0)
    assert answer.choices[0].message.content == "Stand-in answer to: How large is an image?"
    assert Usage.of(answer.usage) == Usage(input_tokens=5, output_tokens=8)
    (request,) = openai_stub.requests()
    path = (
        "/openai/deployments/gpt-4o-mini/chat/completions"
        if api == "deployments"
        else "/openai/v1/chat/completions"
    )
    assert (request["path"], request["body"]["temperature"]) == (path, 0)


async def test_stream(make: Make) -> None:
    stream = await make().stream(QUESTION)
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    await stream.aclose()
    assert text == "Stand-in answer to: How large is an image?"
    assert stream.usage == Usage(input_tokens=5, output_tokens=8)


async def test_embeddings(make: Make) -> None:
    near, same, far = await make().embed(["a red container", "container red a", "quarterly invoices"])
    assert len(near) == 1536
    assert near == same
    assert sum(a * a for a in near) == pytest.approx(1, abs=1e-4)
    assert abs(sum(a * b for a, b in zip(near, far, strict=True))) < 0.3


@pytest.mark.parametrize(
    ("fault", "status", "code", "outcome", "retry_after"),
    [
        ({"mode": "status", "status": 429, "retry_after": 7}, 503, "llm_rate_limited", "rate_limited", 7),
        ({"mode": "status", "status": 429, "retry_after": 300}, 503, "llm_rate_limited", "rate_limited", 60),
        ({"mode": "status", "status": 429}, 503, "llm_rate_limited", "rate_limited", 5),
        ({"mode": "status", "status": 500}, 503, "llm_unavailable", "unavailable", 5),
        ({"mode": "hang"}, 503, "llm_unavailable", "unavailable", 5),
        ({"mode": "cut"}, 503, "llm_unavailable", "unavailable", 5),
        ({"mode": "status", "status": 401}, 502, "llm_misconfigured", "misconfigured", None),
        ({"mode": "status", "status": 403}, 502, "llm_misconfigured", "misconfigured", None),
        ({"mode": "status", "status": 404}, 502, "llm_misconfigured", "misconfigured", None),
        ({"mode": "status", "status": 400}, 502, "llm_misconfigured", "misconfigured", None),
        ({"mode": "filter"}, 422, "content_filtered", "content_filtered", None),
    ],
)
async def test_failures(  # noqa: PLR0913, PLR0917 - the columns of the table
    make: Make,
    openai_stub: Stub,
    fault: dict[str, Any],
    status: int,
    code: str,
    outcome: str,
    retry_after: int | None,
) -> None:
    llm = make()
    before = _count(outcome)
    openai_stub.fault(**fault)
    problem = await _problem_of(llm)
    assert (problem.status_code, problem.code) == (status, code)
    assert problem.extra.get("retry_after") == retry_after
    assert "stand-in" not in problem.detail
    assert _count(outcome) == before + 1
    assert (await llm.chat(QUESTION)).choices, "the next call is answered"


async def test_nothing_listens(make: Make) -> None:
    assert (await _problem_of(make(azure_openai_endpoint="http://127.0.0.1:1"))).code == "llm_unavailable"


async def test_retries_are_the_sdks(make: Make, openai_stub: Stub) -> None:
    openai_stub.fault("status", status=429, retry_after_ms=50, count=2)
    assert (await make(llm_max_retries=2).chat(QUESTION)).choices
    counts = [request["headers"]["x-stainless-retry-count"] for request in openai_stub.requests()]
    assert counts == ["0", "1", "2"]


async def test_a_long_retry_after_is_not_waited_for(make: Make, openai_stub: Stub) -> None:
    openai_stub.fault("status", status=429, retry_after=300, count=-1)
    started = time.monotonic()
    assert (await _problem_of(make(llm_max_retries=2))).code == "llm_rate_limited"
    assert time.monotonic() - started < 5
    assert len(openai_stub.requests()) == 1


async def test_the_callers_deadline(make: Make, openai_stub: Stub) -> None:
    openai_stub.fault("hang")
    current.begin("", "200")
    problem = await _problem_of(make(llm_read_seconds=10))
    current.begin("", "")
    assert (problem.status_code, problem.code) == (504, "deadline_exceeded")


async def test_the_total_limit(make: Make, openai_stub: Stub) -> None:
    openai_stub.fault("hang")
    assert (await _problem_of(make(llm_read_seconds=10, llm_total_seconds=0.2))).code == "llm_unavailable"


async def test_the_breaker(make: Make, openai_stub: Stub) -> None:
    llm = make()
    openai_stub.fault("status", status=500, count=-1)
    for _ in range(5):
        await _problem_of(llm)
    problem = await _problem_of(llm)
    assert (problem.code, problem.extra["retry_after"]) == ("llm_unavailable", 10)
    assert len(openai_stub.requests()) == 5


async def test_no_slot(make: Make) -> None:
    llm = make(llm_concurrency=1, llm_queue_seconds=0.1)
    stream = await llm.stream(QUESTION)
    assert (await _problem_of(llm)).code == "overloaded"
    await stream.aclose()
    await stream.aclose()
    assert (await llm.chat(QUESTION)).choices


async def test_a_stream_that_is_cut(make: Make, openai_stub: Stub) -> None:
    llm = make(llm_concurrency=1, llm_queue_seconds=0.1)
    openai_stub.fault("cut", after_pieces=2)
    stream = await llm.stream(QUESTION)
    with pytest.raises(Problem) as raised:
        [chunk async for chunk in stream]
    assert raised.value.code == "llm_unavailable"
    assert (await llm.chat(QUESTION)).choices, "its slot is free again"


async def test_cost_and_tokens(make: Make) -> None:
    cost = metrics.LLM_COST.labels("test", "gpt-4o-mini")
    before = cost._value.get()  # noqa: SLF001
    await make(llm_prices={"gpt-4o-mini": Price(input=1_000_000, output=2_000_000)}).chat(QUESTION)
    assert cost._value.get() - before == 5 * 1 + 8 * 2  # noqa: SLF001
