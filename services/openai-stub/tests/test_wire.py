"""The stand-in's wire contract, seen raw and through the real SDK."""

import base64
import json
import math
import struct
import time
from collections.abc import Callable, Iterator

import httpx2
import pytest
from fastapi import FastAPI
from openai_stub.embeddings import embed
from openai_stub.main import create_app
from openai_stub.replies import sample

CHAT = "/openai/deployments/gpt/chat/completions"
EMBEDDINGS = "/openai/deployments/emb/embeddings"
TOOLS = [{"type": "function", "function": {"name": "calculator", "parameters": {"type": "object"}}}]


@pytest.fixture
def http(serve: Callable[[FastAPI], str]) -> Iterator[httpx2.Client]:
    with httpx2.Client(
        base_url=serve(create_app()), headers={"api-key": "k"}, params={"api-version": "2024-10-21"}
    ) as client:
        yield client


def ask(text: str, **options: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}], **options}


@pytest.mark.parametrize("path", [CHAT, "/openai/v1/chat/completions"])
def test_both_shapes(http: httpx2.Client, path: str) -> None:
    answer = http.post(path, json=ask("one two", model="gpt")).json()
    assert answer["model"] == "gpt"
    assert answer["choices"][0]["message"]["content"] == "Stand-in answer to: one two"
    assert answer["usage"] == {"prompt_tokens": 2, "completion_tokens": 5, "total_tokens": 7}


def test_key_and_version_are_needed(http: httpx2.Client) -> None:
    url = str(http.base_url).rstrip("/") + CHAT
    assert httpx2.post(f"{url}?api-version=1", json=ask("x")).status_code == 401
    assert httpx2.post(url, json=ask("x"), headers={"api-key": "k"}).status_code == 404


def test_stream_with_and_without_usage(http: httpx2.Client) -> None:
    for options in ({}, {"stream_options": {"include_usage": True}}):
        text = http.post(CHAT, json=ask("hello", stream=True, **options)).text
        *frames, done, rest = text.split("\n\n")
        assert (done, rest) == ("data: [DONE]", "")
        chunks = [json.loads(frame.removeprefix("data: ")) for frame in frames]
        last = chunks.pop() if options else None
        if last:
            assert last["choices"] == []
            assert last["usage"]["total_tokens"] == 5
        assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks).startswith(
            "Stand-in"
        )
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_pace(http: httpx2.Client) -> None:
    started = time.monotonic()
    with http.stream("POST", CHAT, json=ask("[[pace:300]][[reply:a b c]]", stream=True)) as answer:
        parts = answer.iter_text()
        next(parts)
        first = time.monotonic() - started
        "".join(parts)
    assert time.monotonic() - started - first > 0.6


def test_embeddings(http: httpx2.Client) -> None:
    plain = http.post(EMBEDDINGS, json={"input": ["red apple", "apple red", ""]}).json()
    coded = http.post(EMBEDDINGS, json={"input": "red apple", "encoding_format": "base64"}).json()
    first, second, empty = (item["embedding"] for item in plain["data"])
    assert first == second
    assert math.isclose(math.hypot(*empty), 1)
    decoded = struct.unpack("<1536f", base64.b64decode(coded["data"][0]["embedding"]))
    assert decoded == pytest.approx(first, abs=1e-6)
    small = http.post(EMBEDDINGS, json={"input": "x", "dimensions": 8}).json()
    assert len(small["data"][0]["embedding"]) == 8


def test_texts_that_share_words_are_nearer() -> None:
    def similarity(one: str, other: str) -> float:
        return sum(a * b for a, b in zip(embed(one), embed(other), strict=True))

    assert similarity("how large is the image", "the image is large") > similarity(
        "how large is the image", "sales"
    )


def test_tools_in_rounds(http: httpx2.Client) -> None:
    prompt = (
        '[[tool:calculator {"expression": "1+1"}]][[+tool:clock {}]][[tool:calculator {"expression": "2+2"}]]'
    )
    messages: list[dict[str, object]] = [{"role": "user", "content": prompt}]
    rounds = []
    for _ in range(3):
        choice = http.post(CHAT, json={"messages": messages, "tools": TOOLS}).json()["choices"][0]
        calls = choice["message"].get("tool_calls", [])
        rounds.append([call["function"]["name"] for call in calls])
        messages += [
            choice["message"],
            *({"role": "tool", "tool_call_id": c["id"], "content": "2"} for c in calls),
        ]
    assert rounds == [["calculator", "clock"], ["calculator"], []]
    assert choice["message"]["content"] == "The tools said: 2 | 2 | 2"
    assert choice["finish_reason"] == "stop"


def test_a_streamed_tool_call_comes_in_parts(http: httpx2.Client) -> None:
    body = ask('[[loop:calculator {"expression": "1+1"}]]', tools=TOOLS, stream=True)
    frames = http.post(CHAT, json=body).text.split("\n\n")[:-2]
    deltas = [json.loads(frame.removeprefix("data: "))["choices"][0]["delta"] for frame in frames]
    parts = [delta["tool_calls"][0]["function"] for delta in deltas if "tool_calls" in delta]
    assert parts[0]["name"] == "calculator"
    assert json.loads("".join(part["arguments"] for part in parts)) == {"expression": "1+1"}


def test_length(http: httpx2.Client) -> None:
    choice = http.post(CHAT, json=ask("[[reply:a b c d]]", max_tokens=2)).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("a b", "length")


def test_structured_output() -> None:
    schema = {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "count": {"type": "integer", "minimum": 3},
            "parts": {"type": "array", "minItems": 1, "items": {"type": "string"}},
            "kind": {"enum": ["a", "b"]},
            "maybe": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            "sure": {"type": "boolean"},
        },
    }
    assert sample(schema, "topic") == {
        "title": "title: topic",
        "count": 3,
        "parts": ["parts 1: topic"],
        "kind": "a",
        "maybe": None,
        "sure": True,
    }


def test_faults_in_order_and_by_match(http: httpx2.Client) -> None:
    for fault in (
        {"mode": "status", "status": 429, "retry_after": 9, "match": "special"},
        {"mode": "filter", "operation": "chat"},
        {"mode": "delay", "seconds": 0.1},
    ):
        assert http.post("/_stub/faults", json=fault).status_code == 200
    statuses = [
        http.post(CHAT, json=ask(text)).status_code for text in ("plain", "plain", "special", "plain")
    ]
    assert statuses == [400, 200, 429, 200]
    outcomes = [request["outcome"] for request in http.get("/_stub/requests").json()["requests"]]
    assert outcomes == statuses
    assert http.post("/_stub/faults", json={"mode": "explode"}).status_code == 422


def test_reset(http: httpx2.Client) -> None:
    http.post("/_stub/faults", json={"mode": "filter", "count": -1})
    assert http.post(CHAT, json=ask("x")).json()["error"]["code"] == "content_filter"
    http.post("/_stub/reset")
    assert http.post(CHAT, json=ask("x")).status_code == 200
    assert len(http.get("/_stub/requests").json()["requests"]) == 1


def test_cut(http: httpx2.Client) -> None:
    for body in (ask("x"), ask("a b c d e f", stream=True)):
        http.post("/_stub/faults", json={"mode": "cut", "after_pieces": 2})
        with pytest.raises(httpx2.RemoteProtocolError):
            http.post(CHAT, json=body)
