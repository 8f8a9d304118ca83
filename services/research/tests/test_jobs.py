import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Protocol

import httpx2
import pytest
from aip_common import identity
from aip_testing.plugin import Serve
from aip_testing.relay import Relay
from aip_testing.stub import Stub
from fastapi import FastAPI, Header, Response
from fastapi.responses import JSONResponse
from prometheus_client import REGISTRY
from pydantic import SecretStr
from redis import Redis


class Research(Protocol):
    """A caller of the service; see conftest.py."""

    http: httpx2.Client

    def order(self, question: str = ..., **options: object) -> str: ...
    def job(self, job_id: str) -> dict[str, Any]: ...
    def wait(self, job_id: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]: ...
    def finished(self, job_id: str) -> dict[str, Any]: ...
    def events(self, job_id: str, after: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]: ...


Start = Callable[..., Research]


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def test_a_job_goes_through_its_stages_to_a_cited_report(
    research: Research, openai_stub: Stub, redis_url: str
) -> None:
    before = count("aip_jobs_total", outcome="succeeded")
    job_id = research.order()
    events = list(research.events(job_id))
    assert [name for _, name, _ in events] == ["queued", "started", *["stage"] * 5, "succeeded"]
    stages = [(data["stage"], data["done"], data["of"]) for _, name, data in events if name == "stage"]
    assert stages == [("plan", 1, 5), ("evidence", 2, 5), ("note", 3, 5), ("note", 4, 5), ("report", 5, 5)]
    job = research.job(job_id)
    assert (job["status"], job["stage"], job["deliveries"], job["error"]) == ("succeeded", "report", 1, None)
    first = {"number": 1, "document_id": "optics", "chunk": 0, "text": "Air scatters blue light."}
    assert job["report"]["citations"][0] == first
    assert "[1]" in job["report"]["text"]
    assert job["usage"]["input_tokens"] > 0
    assert len(openai_stub.requests()) == 4
    assert count("aip_jobs_total", outcome="succeeded") == before + 1
    with Redis.from_url(redis_url) as redis:
        assert redis.xlen("research:jobs") == 0
        assert redis.ttl(f"research:job:{job_id}") > 6 * 24 * 3600
        assert redis.ttl(f"research:events:{job_id}") > 6 * 24 * 3600


def test_an_order_says_where_the_job_is(research: Research) -> None:
    answer = research.http.post("/jobs", json={"question": "x", "sources": [{"title": "a", "text": "b"}]})
    assert answer.json()["status"] == "queued"
    assert answer.headers["retry-after"] == "2"
    assert research.http.get(answer.headers["location"]).json()["job_id"] == answer.json()["job_id"]


def test_the_jobs_of_a_tenant_are_listed_newest_first(
    start: Start, client_of: Callable[..., Research], redis_url: str
) -> None:
    research = start(research_workers=0)
    first, second, third = (research.order() for _ in range(3))
    research.http.delete(f"/jobs/{second}")

    def listed(client: Research, **params: str) -> list[tuple[str, str]]:
        answer = client.http.get("/jobs", params=params)
        return [(job["job_id"], job["status"]) for job in answer.json()["jobs"]]

    assert listed(research) == [(third, "queued"), (second, "cancelled"), (first, "queued")]
    assert listed(research, status="cancelled") == [(second, "cancelled")]
    assert listed(client_of(str(research.http.base_url), tenant="other")) == []
    assert research.http.get("/jobs", params={"status": "lost"}).status_code == 422
    with Redis.from_url(redis_url) as redis:
        redis.delete(f"research:job:{third}")  # as when it expires
    assert listed(research) == [(second, "cancelled"), (first, "queued")]


def test_a_follower_that_comes_back_misses_and_repeats_nothing(research: Research, openai_stub: Stub) -> None:
    openai_stub.fault("delay", seconds=1, match="questions 2:")
    job_id = research.order()
    seen = []
    for event in research.events(job_id):
        seen.append(event)
        if len(seen) == 3:
            break
    assert research.job(job_id)["status"] == "running"
    seen += list(research.events(job_id, after=seen[-1][0]))
    ids = [tuple(map(int, event_id.split("-"))) for event_id, _, _ in seen]
    assert ids == sorted(set(ids))
    assert [name for _, name, _ in seen] == ["queued", "started", *["stage"] * 5, "succeeded"]
    assert list(research.events(job_id, after=seen[-1][0])) == []


@pytest.mark.parametrize("event_id", ["x", "1", "1-", "$", "9" * 21 + "-0"])
def test_a_wrong_event_id_is_refused(research: Research, event_id: str) -> None:
    answer = research.http.get(f"/jobs/{research.order()}/events", headers={"Last-Event-ID": event_id})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


def test_jobs_of_another_tenant_do_not_exist(research: Research, client_of: Start) -> None:
    job_id = research.order()
    other = client_of(str(research.http.base_url), tenant="other").http
    answers = (
        other.get(f"/jobs/{job_id}"),
        other.delete(f"/jobs/{job_id}"),
        other.get(f"/jobs/{job_id}/events"),
    )
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert research.finished(job_id)["status"] == "succeeded"


def test_nobody_gets_in_without_the_internal_token(research: Research) -> None:
    for method, path in (
        ("POST", "/jobs"),
        ("GET", "/jobs/x"),
        ("DELETE", "/jobs/x"),
        ("GET", "/jobs/x/events"),
    ):
        answer = httpx2.request(method, f"{research.http.base_url}{path}")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "validation_error"),
        ({"question": " "}, "validation_error"),
        ({"question": "x", "depth": 4}, "validation_error"),
        ({"question": "x", "sources": [{"title": "a"}]}, "validation_error"),
        ({"question": "x"}, "no_sources"),
    ],
)
def test_wrong_orders_are_refused(research: Research, body: dict[str, Any], code: str) -> None:
    answer = research.http.post("/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_full_queue_refuses(start: Start) -> None:
    research = start(research_workers=0, research_queue_limit=2)
    research.order()
    last = research.order()
    answer = research.http.post("/jobs", json={"question": "x", "sources": [{"title": "a", "text": "b"}]})
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (
        503,
        "queue_full",
        "10",
    )
    research.http.delete(f"/jobs/{last}")
    research.order()


def test_a_waiting_job_is_cancelled_at_once(start: Start) -> None:
    research = start(research_workers=0)
    job_id = research.order()
    answer = research.http.delete(f"/jobs/{job_id}")
    assert (answer.status_code, answer.json()) == (202, {"job_id": job_id, "status": "cancelled"})
    assert [name for _, name, _ in research.events(job_id)] == ["queued", "cancelled"]
    assert research.http.delete(f"/jobs/{job_id}").json()["code"] == "job_finished"


def test_a_running_job_is_cancelled_in_the_middle_of_a_stage(research: Research, openai_stub: Stub) -> None:
    openai_stub.fault("hang", match="questions 1:")
    job_id = research.order()
    research.wait(job_id, lambda job: job["stage"] == "evidence")
    assert research.http.delete(f"/jobs/{job_id}").json()["status"] == "running"
    assert research.finished(job_id)["status"] == "cancelled"
    assert [name for _, name, _ in research.events(job_id)][-2:] == ["stage", "cancelled"]
    assert research.http.delete(f"/jobs/{job_id}").status_code == 409
    assert research.finished(research.order())["status"] == "succeeded"  # the worker is free again


def test_a_throttled_model_is_waited_for(research: Research, openai_stub: Stub) -> None:
    openai_stub.fault("status", status=429, retry_after=1)
    job_id = research.order()
    events = list(research.events(job_id))
    assert events[2][1:] == ("waiting", {"code": "llm_rate_limited", "seconds": 1})
    assert events[-1][1] == "succeeded"
    assert len(openai_stub.requests()) == 5


@pytest.mark.parametrize(
    ("fault", "code"),
    [({"mode": "filter"}, "content_filtered"), ({"mode": "status", "status": 401}, "llm_misconfigured")],
)
def test_what_waiting_does_not_mend_fails_the_job(
    research: Research, openai_stub: Stub, fault: dict[str, Any], code: str
) -> None:
    openai_stub.fault(**fault)
    job_id = research.order()
    job = research.finished(job_id)
    assert (job["status"], job["error"]["code"], job["report"]) == ("failed", code, None)
    _, name, data = list(research.events(job_id))[-1]
    assert (name, data) == ("failed", job["error"])
    assert len(openai_stub.requests()) == 1


def test_a_model_that_stays_away_fails_the_job_in_the_end(start: Start, openai_stub: Stub) -> None:
    openai_stub.fault("status", status=500, count=-1)
    research = start(research_stage_seconds=0.001)
    assert research.finished(research.order())["error"]["code"] == "llm_unavailable"


def test_redis_away_is_said_and_outlived(start: Start, redis_url: str, relay: Callable[[str], Relay]) -> None:
    line = relay(redis_url)
    research = start(redis_url=line.url)
    assert research.finished(research.order())["status"] == "succeeded"
    line.cut()
    order = {"question": "x", "sources": [{"title": "a", "text": "b"}]}
    for answer in (research.http.post("/jobs", json=order), research.http.get("/jobs/x")):
        assert (answer.status_code, answer.json()["dependency"]) == (503, "redis")
    assert research.http.get("/ready").status_code == 503
    assert research.http.get("/health").status_code == 200
    line.restore()
    deadline = time.monotonic() + 10
    while (answer := research.http.post("/jobs", json=order)).status_code == 503:
        assert time.monotonic() < deadline
    assert research.finished(answer.json()["job_id"])["status"] == "succeeded"


def test_a_redis_that_lost_its_data_is_outlived(research: Research, redis_url: str) -> None:
    assert research.finished(research.order())["status"] == "succeeded"
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
    assert research.finished(research.order())["status"] == "succeeded"


def knowledge_stand_in(secret: SecretStr, calls: list[dict[str, Any]], statuses: list[int]) -> FastAPI:
    """Return a stand-in for the knowledge service: the same three passages for every query."""
    app = FastAPI()

    @app.post("/search")
    async def search(
        body: dict[str, Any], x_aip_token: Annotated[str, Header()], x_deadline_ms: Annotated[int, Header()]
    ) -> Response:
        caller = identity.verify(secret, "knowledge-service", x_aip_token)
        calls.append({"tenant": caller.tenant, "ms": x_deadline_ms, **body})
        if statuses:
            return JSONResponse({"hits": []}, statuses.pop(0))
        found = [
            {"document_id": "d1", "chunk": chunk, "score": 0.9, "text": f"text {chunk}"} for chunk in range(3)
        ]
        return JSONResponse({"results": found})

    return app


def test_evidence_is_searched_in_the_name_of_who_ordered(
    start: Start, serve: Serve, secret: SecretStr
) -> None:
    calls: list[dict[str, Any]] = []
    research = start(knowledge_url=serve(knowledge_stand_in(secret, calls, [])))
    job_id = research.order(sources=[], max_sources=2)
    report = research.finished(job_id)["report"]
    assert {citation["document_id"] for citation in report["citations"]} == {"d1"}
    assert len(calls) == 2
    assert calls[0].pop("query").startswith("questions 1:")
    assert calls[0] == {"tenant": "acme", "ms": 9_800, "top_k": 2}


@pytest.mark.parametrize(
    ("statuses", "names"),
    [([503], ["waiting", *["stage"] * 4, "succeeded"]), ([422], ["failed"]), ([200], ["failed"])],
)
def test_a_knowledge_service_in_trouble(
    start: Start, serve: Serve, secret: SecretStr, statuses: list[int], names: list[str]
) -> None:
    research = start(knowledge_url=serve(knowledge_stand_in(secret, [], statuses)))
    job_id = research.order(sources=[])
    assert research.finished(job_id)["status"] == names[-1]
    assert [name for _, name, _ in research.events(job_id)][3:] == names
