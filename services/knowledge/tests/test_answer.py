import json
import time
from typing import Any

import httpx2
import pytest
from aip_testing.stub import Stub
from prometheus_client import REGISTRY

TEA = {"title": "Tea", "text": "Green tea wants water of seventy degrees.", "document_id": "tea"}
CARS = {"title": "Cars", "text": "A diesel engine has no spark plugs.", "document_id": "cars"}
REPLY = "[[reply:Seventy degrees [1]. Nothing about milk [9].]]"


@pytest.fixture
def stocked(client: httpx2.Client) -> httpx2.Client:
    for document in (TEA, CARS):
        client.post("/documents", json=document).raise_for_status()
    return client


def events(answer: httpx2.Response) -> list[tuple[str, Any, float]]:
    """Return name, data and time of arrival of each event."""
    found = []
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            found.append((name, json.loads(line.removeprefix("data: ")), time.monotonic()))
    return found


def test_an_answer_cites_the_document_it_rests_on(stocked: httpx2.Client, openai_stub: Stub) -> None:
    answer = stocked.post("/answer", json={"question": f"How hot is green tea? {REPLY}", "top_k": 2})
    assert answer.status_code == 200
    said = answer.json()
    assert said["answer"] == "Seventy degrees [1]. Nothing about milk [9]."
    (citation,) = said["citations"]
    assert (citation["number"], citation["document_id"], citation["chunk"]) == (1, "tea", 0)
    assert citation["text"] == TEA["text"]
    assert said["usage"]["input_tokens"] > 0 < said["usage"]["output_tokens"]
    assert (said["model"], said["finish_reason"]) == ("gpt-4o-mini", "stop")
    prompt = openai_stub.requests()[-1]["body"]["messages"][-1]["content"]
    assert f"[1] Tea\n{TEA['text']}\n\n[2] Cars\n{CARS['text']}\n\nQuestion: How hot" in prompt


def test_without_a_document_the_model_is_not_asked(stocked: httpx2.Client, openai_stub: Stub) -> None:
    asked = {"question": "How hot?", "filter": {"lang": "en"}}
    said = stocked.post("/answer", json=asked).json()
    assert (said["answer"], said["citations"]) == ("The documents say nothing about this.", [])
    with stocked.stream("POST", "/answer", json={**asked, "stream": True}) as answer:
        assert [name for name, _, _ in events(answer)] == ["delta", "citations", "usage", "done"]
    assert {request["operation"] for request in openai_stub.requests()} == {"embeddings"}


def test_a_streamed_answer_arrives_while_it_is_made(stocked: httpx2.Client) -> None:
    asked = {"question": f"How hot is green tea? [[pace:60]]{REPLY}", "stream": True}
    with stocked.stream("POST", "/answer", json=asked) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        found = events(answer)
    names = [name for name, _, _ in found]
    pieces = [data["content"] for name, data, _ in found if name == "delta"]
    assert names == ["delta"] * len(pieces) + ["citations", "usage", "done"]
    assert len(pieces) > 5
    assert "".join(pieces) == "Seventy degrees [1]. Nothing about milk [9]."
    assert found[-1][2] - found[0][2] > 0.06 * (len(pieces) - 2)
    data = {name: data for name, data, _ in found}
    assert [citation["document_id"] for citation in data["citations"]["citations"]] == ["tea"]
    assert data["usage"]["output_tokens"] == len(pieces)
    assert data["done"] == {"finish_reason": "stop"}


def test_a_stream_that_breaks_ends_with_an_error_event(stocked: httpx2.Client, openai_stub: Stub) -> None:
    openai_stub.fault("cut", operation="chat", after_pieces=2)
    with stocked.stream("POST", "/answer", json={"question": f"Hot? {REPLY}", "stream": True}) as answer:
        assert answer.status_code == 200
        found = events(answer)
    assert [name for name, _, _ in found] == ["delta", "delta", "error"]
    assert found[-1][1]["code"] == "llm_unavailable"


def test_a_failure_before_the_stream_is_an_ordinary_problem(
    stocked: httpx2.Client, openai_stub: Stub
) -> None:
    openai_stub.fault("filter", operation="chat")
    answer = stocked.post("/answer", json={"question": "Hot?", "stream": True})
    assert (answer.status_code, answer.json()["code"]) == (422, "content_filtered")


def test_a_client_that_goes_away_ends_the_call_of_the_model(stocked: httpx2.Client) -> None:
    labels = {
        "service": "knowledge-service",
        "operation": "chat",
        "model": "gpt-4o-mini",
        "outcome": "cancelled",
    }

    def cancelled() -> float:
        return REGISTRY.get_sample_value("aip_llm_requests_total", labels) or 0

    before = cancelled()
    asked = {"question": "Hot? [[pace:200]][[reply:" + "word " * 500 + "]]", "stream": True}
    with stocked.stream("POST", "/answer", json=asked) as answer:
        lines = answer.iter_lines()  # kept: without it the rest would be closed at once
        next(lines)
        assert cancelled() == before
    deadline = time.monotonic() + 10
    while cancelled() == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
