"""The assistant against the model's stand-in, both served by a real uvicorn."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import httpx2
import pytest
from aip_common.identity import HEADER, Caller, issue
from aip_testing.stub import Stub
from assistant_service.domain import Message, trimmed
from assistant_service.main import SERVICE, create_app
from assistant_service.settings import Settings
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

SECRET = SecretStr("0123456789abcdef0123456789abcdef")
QUESTION = [{"role": "user", "content": "What is a container?"}]


@pytest.fixture
def http(openai_stub: Stub, serve: Callable[[FastAPI], str]) -> Iterator[httpx2.Client]:
    settings = Settings(
        internal_token_secret=SECRET,
        azure_openai_endpoint=openai_stub.url,
        azure_openai_api_key=SecretStr("test-key"),
        llm_read_seconds=1,
        llm_max_retries=1,
        history_chars=1000,
    )
    token = issue(SECRET, SERVICE, Caller("key-1", "acme", frozenset({"chat"})))
    with httpx2.Client(base_url=serve(create_app(settings)), headers={HEADER: token}, timeout=20) as client:
        yield client


def events(text: str) -> list[tuple[str, dict[str, object]]]:
    """Return the events of a stream as pairs of name and data."""
    pairs = []
    for frame in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in frame.splitlines() if not line.startswith(":"))
        if lines:
            pairs.append((lines["event"], json.loads(lines["data"])))
    return pairs


def test_json_answer(http: httpx2.Client, openai_stub: Stub) -> None:
    answer = http.post("/chat", json={"messages": QUESTION, "profile": "concise"})
    assert answer.json() == {
        "message": {"role": "assistant", "content": "Stand-in answer to: What is a container?"},
        "finish_reason": "stop",
        "model": "gpt-4o-mini",
        "usage": {"input_tokens": 15, "output_tokens": 7},
    }
    sent = openai_stub.requests()[0]["body"]["messages"]
    assert [message["role"] for message in sent] == ["system", "user"]


def test_streamed_answer(http: httpx2.Client) -> None:
    answer = http.post("/chat", json={"messages": QUESTION, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    names = [name for name, _ in events(answer.text)]
    assert names == ["meta", *["delta"] * 7, "usage", "done"]
    text = "".join(str(data["content"]) for name, data in events(answer.text) if name == "delta")
    assert text == "Stand-in answer to: What is a container?"
    assert dict(events(answer.text))["usage"] == {
        "input_tokens": 20,
        "output_tokens": 7,
        "model": "gpt-4o-mini",
    }


def test_structured_output(http: httpx2.Client, openai_stub: Stub) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    answer = http.post(
        "/chat", json={"messages": QUESTION, "response_schema": schema, "max_tokens": 50}
    ).json()
    assert json.loads(answer["message"]["content"]) == {"title": "title: What is a container?"}
    assert openai_stub.requests()[0]["body"]["max_tokens"] == 50


def test_a_long_history_is_cut_at_its_beginning(http: httpx2.Client, openai_stub: Stub) -> None:
    turns = [
        {"role": role, "content": f"{number} " + "x" * 300}
        for number, role in enumerate(["user", "assistant"] * 4)
    ]
    assert http.post("/chat", json={"messages": [*turns, *QUESTION]}).status_code == 200
    sent = openai_stub.requests()[0]["body"]["messages"]
    assert [message["content"][:2] for message in sent[1:]] == ["6 ", "7 ", "Wh"]


@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.integers(1, 60)), min_size=1),
    st.integers(1, 200),
)
def test_trimming(turns: list[tuple[Literal["user", "assistant"], int]], budget: int) -> None:
    messages = [Message(role=role, content="x" * length) for role, length in turns]
    kept = list(trimmed(messages, budget))
    assert kept
    assert kept == messages[len(messages) - len(kept) :], "an end of the conversation"
    assert len(kept) == 1 or sum(len(message.content) for message in kept) <= budget
    assert len(kept) == 1 or kept[0].role == "user"


def test_profiles(http: httpx2.Client) -> None:
    assert http.get("/profiles").json() == {"profiles": ["default", "concise", "teacher"]}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        {"messages": [{"role": "system", "content": "obey"}]},
        {"messages": QUESTION, "profile": "pirate"},
        {"messages": QUESTION, "temperature": 3},
        {"messages": QUESTION, "unknown": 1},
    ],
)
def test_wrong_requests(http: httpx2.Client, openai_stub: Stub, body: dict[str, object]) -> None:
    answer = http.post("/chat", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert openai_stub.requests() == []


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"mode": "filter"}, 422, "content_filtered"),
        ({"mode": "status", "status": 429, "retry_after": 300}, 503, "llm_rate_limited"),
        ({"mode": "status", "status": 500, "count": 2}, 503, "llm_unavailable"),
        ({"mode": "hang", "count": 2}, 503, "llm_unavailable"),
        ({"mode": "status", "status": 404}, 502, "llm_misconfigured"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_failures_of_the_model(  # noqa: PLR0913 - the columns of the table
    http: httpx2.Client, openai_stub: Stub, fault: dict[str, Any], status: int, code: str, *, stream: bool
) -> None:
    openai_stub.fault(**fault)
    answer = http.post("/chat", json={"messages": QUESTION, "stream": stream})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("retry-after" in answer.headers) == (status == 503)


def test_a_failure_in_the_middle_is_the_last_event(http: httpx2.Client, openai_stub: Stub) -> None:
    openai_stub.fault("cut", after_pieces=3)
    names = [name for name, _ in events(http.post("/chat", json={"messages": QUESTION, "stream": True}).text)]
    assert names == ["meta", "delta", "delta", "delta", "error"]


def test_the_first_piece_does_not_wait_for_the_last(http: httpx2.Client) -> None:
    question = [{"role": "user", "content": "[[pace:400]][[reply:one two three]]"}]
    with http.stream("POST", "/chat", json={"messages": question, "stream": True}) as answer:
        seen: dict[str, float] = {}
        for line in answer.iter_lines():
            seen.setdefault(line, time.monotonic())
    assert seen["event: done"] - seen['data: {"content": "one"}'] > 0.7


def test_a_reader_that_goes_away_ends_the_call_of_the_model(http: httpx2.Client, openai_stub: Stub) -> None:
    question = [{"role": "user", "content": "[[pace:200]][[reply:" + "word " * 200 + "]]"}]
    with http.stream("POST", "/chat", json={"messages": question, "stream": True}) as answer:
        next(answer.iter_text())
    deadline = time.monotonic() + 10
    while (
        "aip_llm_requests_total" in (text := http.get("/metrics").text) and 'outcome="cancelled"' not in text
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert openai_stub.requests()[0]["outcome"] == "disconnected"
