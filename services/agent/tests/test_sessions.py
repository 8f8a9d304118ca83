import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx2
from agent_service.sessions import Message, _capped
from aip_testing.relay import Relay
from aip_testing.stub import Stub
from redis import Redis

SESSION = {"session_id": "session-1"}


def say(client: httpx2.Client, goal: str) -> httpx2.Response:
    return client.post("/runs", json={"goal": goal, **SESSION})


def test_the_second_turn_knows_the_first(agent: httpx2.Client, openai_stub: Stub, redis_url: str) -> None:
    assert say(agent, "first [[reply:one]]").json()["session_id"] == "session-1"
    assert say(agent, "second [[reply:two]]").status_code == 200
    roles = [message["role"] for message in openai_stub.requests()[-1]["body"]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    session = agent.get("/sessions/session-1").json()
    assert [message["content"] for message in session["messages"]] == [
        "first [[reply:one]]",
        "one",
        "second [[reply:two]]",
        "two",
    ]
    with Redis.from_url(redis_url) as redis:
        assert redis.keys("agent:lock:*") == []


def test_a_session_is_deleted_once(agent: httpx2.Client) -> None:
    say(agent, "hello")
    assert agent.delete("/sessions/session-1").status_code == 204
    for answer in (agent.delete("/sessions/session-1"), agent.get("/sessions/session-1")):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_another_tenants_session_does_not_exist(
    agent: httpx2.Client, client_of: Callable[..., httpx2.Client]
) -> None:
    say(agent, "hello")
    other = client_of(str(agent.base_url), tenant="other")
    assert other.get("/sessions/session-1").status_code == 404
    assert other.delete("/sessions/session-1").status_code == 404
    assert agent.get("/sessions/session-1").status_code == 200


def test_reading_a_session_starts_its_time_again(start: Callable[..., httpx2.Client], redis_url: str) -> None:
    agent = start(agent_session_seconds=1000)
    say(agent, "hello")
    with Redis.from_url(redis_url) as redis:
        redis.expire("agent:session:acme:session-1", 10)
        agent.get("/sessions/session-1")
        assert 900 < redis.ttl("agent:session:acme:session-1") <= 1000


def test_of_two_runs_at_once_on_a_session_one_is_refused(agent: httpx2.Client, openai_stub: Stub) -> None:
    openai_stub.fault("delay", seconds=1)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda goal: say(agent, goal), ["one", "two"]))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    refused = max(answers, key=lambda answer: answer.status_code)
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("session_busy", "1")
    assert len(openai_stub.requests()) == 1


def test_a_session_in_use_is_not_deleted(agent: httpx2.Client, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.set("agent:lock:acme:session-1", "another run")
        assert agent.delete("/sessions/session-1").status_code == 409
        assert redis.get("agent:lock:acme:session-1") == b"another run"


def test_a_run_that_lost_its_lock_does_not_overwrite(agent: httpx2.Client, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis, ThreadPoolExecutor(1) as pool:
        future = pool.submit(say, agent, "[[pace:100]] a b c d e f g h i j")
        while not redis.set("agent:lock:acme:session-1", "another run", xx=True):
            assert not future.done()
        assert future.result().status_code == 409
        assert redis.get("agent:session:acme:session-1") is None
        assert redis.get("agent:lock:acme:session-1") == b"another run"


def test_without_redis_only_sessions_fail(
    start: Callable[..., httpx2.Client], redis_url: str, relay: Callable[[str], Relay]
) -> None:
    line = relay(redis_url)
    agent, strict = start(redis_url=line.url), start(redis_url=line.url, agent_require_sessions=True)
    line.cut()
    assert agent.post("/runs", json={"goal": "hello"}).status_code == 200
    for answer in (
        say(agent, "hello"),
        agent.get("/sessions/session-1"),
        agent.delete("/sessions/session-1"),
    ):
        assert answer.status_code == 503
        assert (answer.json()["code"], answer.json()["dependency"]) == ("dependency_unavailable", "redis")
    ready = agent.get("/ready")
    assert (ready.status_code, ready.json()["checks"]["redis"]["ok"]) == (200, False)
    assert strict.get("/ready").status_code == 503
    line.restore()
    deadline = time.monotonic() + 10
    while (answer := say(agent, "hello")).status_code == 503:  # a connection of before may be used once more
        assert time.monotonic() < deadline
    assert answer.status_code == 200


def test_the_oldest_turns_leave_first() -> None:
    messages = [
        message
        for number in "012"
        for message in (Message(role="user", content=number), Message(role="assistant", content=number))
    ]
    assert [message["content"] for message in json.loads(_capped(messages, 4, 10_000))] == [
        "1",
        "1",
        "2",
        "2",
    ]
    assert [message["content"] for message in json.loads(_capped(messages, 40, 80))] == ["2", "2"]
    assert _capped(messages, 40, 10) == b"[]"
