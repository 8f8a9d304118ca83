import json
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import httpx2
import pytest
from aip_common import identity
from aip_testing.plugin import Serve
from aip_testing.stub import Stub
from fastapi import FastAPI, Header
from prometheus_client import REGISTRY
from pydantic import SecretStr

Start = Callable[..., httpx2.Client]

SUM = '[[tool:calculator {"expression": "6 * 7"}]]'


def run(client: httpx2.Client, goal: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    answer = client.post("/runs", json={"goal": goal, **options})
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


def events(answer: httpx2.Response) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def test_a_tool_is_called_and_its_result_reaches_the_answer(agent: httpx2.Client, openai_stub: Stub) -> None:
    before = count("aip_agent_tool_calls_total", tool="calculator", outcome="ok")
    result = run(agent, f"How much? {SUM}")
    assert result["output"] == "The tools said: 42"
    assert result["finish_reason"] == "stop"
    assert result["session_id"] is None
    (step,) = result["steps"]
    assert {**step, "ms": 0} == {
        "tool": "calculator",
        "args": {"expression": "6 * 7"},
        "result": "42",
        "ok": True,
        "ms": 0,
    }
    assert result["usage"]["input_tokens"] > 0
    assert result["model"] == "gpt-4o-mini"
    assert len(openai_stub.requests()) == 2
    assert count("aip_agent_tool_calls_total", tool="calculator", outcome="ok") == before + 1


def test_tools_of_one_round_are_all_answered_and_more_than_four_are_not_called(agent: httpx2.Client) -> None:
    more = '[[+tool:calculator {"expression": "1 + %d"}]]'
    result = run(agent, SUM + "".join(more % number for number in range(5)))
    assert [step["ok"] for step in result["steps"]] == [True] * 4 + [False] * 2
    assert "at most 4 concurrent tools" in result["steps"][4]["result"]
    assert result["finish_reason"] == "stop"


def test_the_step_limit_ends_the_run(agent: httpx2.Client, openai_stub: Stub) -> None:
    result = run(agent, "[[loop:current_time {}]]")
    assert (result["finish_reason"], len(result["steps"]), result["output"]) == ("max_steps", 8, "")
    assert len(openai_stub.requests()) == 9
    assert run(agent, "[[loop:current_time {}]]", max_steps=1)["finish_reason"] == "max_steps"


def test_the_third_invalid_call_is_not_the_models_to_repeat(agent: httpx2.Client) -> None:
    result = run(agent, '[[loop:calculator {"wrong": 1}]]')
    assert (result["finish_reason"], len(result["steps"])) == ("invalid_tool_calls", 3)


def test_the_token_ceiling_ends_the_run(start: Start) -> None:
    result = run(start(agent_run_tokens=1), SUM)
    assert (result["finish_reason"], result["steps"]) == ("max_tokens", [])


def test_only_the_allowed_tools_are_offered(agent: httpx2.Client, openai_stub: Stub) -> None:
    run(agent, "hello", tools=["calculator"])
    run(agent, "hello", tools=[])
    offered = [call["body"].get("tools", []) for call in openai_stub.requests()]
    assert [[tool["function"]["name"] for tool in tools] for tools in offered] == [["calculator"], []]


def test_the_stream_says_what_happens_while_it_happens(agent: httpx2.Client) -> None:
    goal = f"{SUM}[[reply:one two three four five]][[pace:100]]"
    with agent.stream("POST", "/runs", json={"goal": goal, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        seen = [(name, data, time.monotonic()) for name, data in events(answer)]
    names = [name for name, _, _ in seen]
    assert names == ["usage", "step", *["delta"] * 5, "usage", "done"]
    assert seen[1][1]["result"] == "42"
    assert "".join(data["content"] for name, data, _ in seen if name == "delta") == "one two three four five"
    assert seen[-1][1]["output"] == "one two three four five"
    # The last one tells all that was used; a run that breaks off has told what it used before.
    assert seen[-2][1] == {**seen[-1][1]["usage"], "model": "gpt-4o-mini"}
    assert seen[0][1]["input_tokens"] < seen[-2][1]["input_tokens"]
    assert seen[-1][2] - seen[2][2] > 0.3  # the first word came long before the end


def test_a_stream_that_breaks_ends_with_the_problem(agent: httpx2.Client, openai_stub: Stub) -> None:
    openai_stub.fault("cut", after_pieces=2)
    with agent.stream("POST", "/runs", json={"goal": "[[reply:one two three]]", "stream": True}) as answer:
        seen = list(events(answer))
    assert [name for name, _ in seen] == ["delta", "delta", "error"]
    assert seen[-1][1]["code"] == "llm_unavailable"


def test_a_client_that_leaves_frees_its_session(agent: httpx2.Client) -> None:
    body = {"goal": "[[pace:200]]" + "word " * 50, "stream": True, "session_id": "session-1"}
    with agent.stream("POST", "/runs", json=body) as answer:
        assert next(events(answer))[0] == "delta"
    deadline = time.monotonic() + 5
    while (status := agent.post("/runs", json={"goal": "hi", "session_id": "session-1"}).status_code) == 409:
        assert time.monotonic() < deadline
    assert status == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"mode": "status", "status": 500}, (503, "llm_unavailable", "5")),
        ({"mode": "status", "status": 429, "retry_after": 7}, (503, "llm_rate_limited", "7")),
        ({"mode": "status", "status": 401}, (502, "llm_misconfigured", None)),
        ({"mode": "filter"}, (422, "content_filtered", None)),
    ],
)
def test_failures_of_the_model(
    agent: httpx2.Client,
    openai_stub: Stub,
    fault: dict[str, Any],
    expected: tuple[object, ...],
    *,
    stream: bool,
) -> None:
    openai_stub.fault(**fault)
    outcome = str(expected[1])
    before = count("aip_agent_runs_total", outcome=outcome)
    answer = agent.post("/runs", json={"goal": "hello", "stream": stream})
    assert (answer.status_code, answer.json()["code"], answer.headers.get("retry-after")) == expected
    assert answer.headers["content-type"] == "application/problem+json"
    assert count("aip_agent_runs_total", outcome=outcome) == before + 1


def test_a_run_ends_with_the_callers_deadline(agent: httpx2.Client, openai_stub: Stub) -> None:
    openai_stub.fault("hang")
    started = time.monotonic()
    answer = agent.post("/runs", json={"goal": "hello"}, headers={"X-Deadline-Ms": "300"})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "validation_error"),
        ({"goal": ""}, "validation_error"),
        ({"goal": "x", "max_steps": 9}, "validation_error"),
        ({"goal": "x", "session_id": "no:colons"}, "validation_error"),
        ({"goal": "x", "unknown": 1}, "validation_error"),
        ({"goal": "x", "tools": ["search_knowledge"]}, "unknown_tool"),
    ],
)
def test_wrong_requests_are_refused(agent: httpx2.Client, body: dict[str, Any], code: str) -> None:
    answer = agent.post("/runs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/runs"), ("GET", "/tools"), ("GET", "/sessions/session-1"), ("DELETE", "/sessions/session-1")],
)
def test_nobody_gets_in_without_the_internal_token(agent: httpx2.Client, method: str, path: str) -> None:
    answer = httpx2.request(
        method, f"{agent.base_url}{path}", json={"goal": "x"} if method == "POST" else None
    )
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def knowledge_stand_in(
    secret: SecretStr, calls: list[dict[str, Any]], status: int = 200, results: str = "results"
) -> FastAPI:
    """Return a stand-in for the knowledge service: one passage for every query."""
    app = FastAPI()

    @app.post("/search", status_code=status)
    async def search(
        body: dict[str, Any],
        x_aip_token: Annotated[str, Header()],
        x_deadline_ms: Annotated[int, Header()],
        x_request_id: Annotated[str, Header()],
    ) -> dict[str, Any]:
        caller = identity.verify(secret, "knowledge-service", x_aip_token)
        calls.append({"tenant": caller.tenant, "ms": x_deadline_ms, "id": x_request_id, **body})
        found = {"document_id": "d1", "chunk": 0, "score": 0.9, "text": "the sky is blue", "metadata": {}}
        return {results: [found]}

    return app


def test_search_knowledge_speaks_for_the_caller_and_passes_the_deadline(
    start: Start, serve: Serve, secret: SecretStr
) -> None:
    calls: list[dict[str, Any]] = []
    agent = start(knowledge_url=serve(knowledge_stand_in(secret, calls)))
    assert [tool["name"] for tool in agent.get("/tools").json()["tools"]][-1] == "search_knowledge"
    headers = {"X-Deadline-Ms": "5000", "X-Request-ID": "request-0001"}
    goal = '[[tool:search_knowledge {"query": "sky", "top_k": 2}]]'
    answer = agent.post("/runs", json={"goal": goal}, headers=headers)
    assert "the sky is blue" in answer.json()["output"]
    (call,) = calls
    assert 0 < call.pop("ms") <= 5000
    assert call == {"tenant": "acme", "id": "request-0001", "query": "sky", "top_k": 2}


def test_a_knowledge_service_that_is_down_or_refuses_is_told_to_the_model(
    start: Start, serve: Serve, secret: SecretStr
) -> None:
    goal = '[[tool:search_knowledge {"query": "sky"}]]'
    refused = run(start(knowledge_url=serve(knowledge_stand_in(secret, [], 418))), goal)
    assert refused["steps"][0]["result"] == "error: the search was refused with status 418"
    odd = run(start(knowledge_url=serve(knowledge_stand_in(secret, [], results="hits"))), goal)
    assert odd["steps"][0]["result"] == "error: the answer of the search is not understood"
    down = run(start(knowledge_url="http://127.0.0.1:9"), goal)
    assert down["steps"][0]["result"] == "error: knowledge-service does not answer; try again"
    assert down["finish_reason"] == "stop"
