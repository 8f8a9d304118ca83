import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest
from aip_common import identity
from aip_common.identity import Caller
from aip_testing.plugin import Serve
from aip_testing.stub import API_KEY, Stub
from pydantic import SecretStr
from research_service.main import SERVICE, create_app
from research_service.settings import Settings

WAIT_SECONDS = 60.0


class Client:
    """A caller of the service."""

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http

    def order(self, question: str = "Why is the sky blue?", **options: Any) -> str:  # noqa: ANN401 - any JSON
        sources = [
            {"title": "optics", "text": "Air scatters blue light."},
            {"title": "birds", "text": "Birds fly."},
        ]
        answer = self.http.post("/jobs", json={"question": question, "sources": sources, **options})
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["job_id"]
        return job_id

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def wait(self, job_id: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            answer = self.http.get(f"/jobs/{job_id}")
            assert answer.status_code in (200, 503), answer.text  # 503 says to try again
            job: dict[str, Any] = answer.json()
            if answer.status_code == 200 and until(job):
                return job
            assert time.monotonic() < deadline, job
            time.sleep(0.02)

    def finished(self, job_id: str) -> dict[str, Any]:
        return self.wait(job_id, lambda job: job["status"] not in ("queued", "running"))

    def events(self, job_id: str, after: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield id, name and data of the job's events."""
        headers = {"Last-Event-ID": after} if after else {}
        with self.http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as answer:
            assert answer.status_code == 200
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                fields[name] = value
                if not line:
                    yield fields.get("id", ""), fields["event"], json.loads(fields["data"])


@pytest.fixture
def secret() -> SecretStr:
    """Return the secret that the internal tokens are signed with."""
    return SecretStr("an-internal-secret-of-the-tests-0123456789")


@pytest.fixture
def client_of(secret: SecretStr) -> Iterator[Callable[..., Client]]:
    """Return a function that returns a client with the token of a tenant."""
    with ExitStack() as stack:

        def client(url: str, tenant: str = "acme") -> Client:
            caller = Caller("key-1", tenant, frozenset({"research"}))

            def signed(request: httpx2.Request) -> httpx2.Request:
                request.headers[identity.HEADER] = identity.issue(secret, SERVICE, caller)
                return request

            return Client(stack.enter_context(httpx2.Client(base_url=url, auth=signed, timeout=30)))

        yield client


@pytest.fixture
def settings(secret: SecretStr, openai_stub: Stub, redis_url: str) -> Callable[..., Settings]:
    """Return a function that returns settings for the real Redis and the model's stand-in."""

    def changed(**changes: Any) -> Settings:  # noqa: ANN401 - any setting
        values = {
            "azure_openai_endpoint": openai_stub.url,
            "azure_openai_api_key": API_KEY,
            "internal_token_secret": secret,
            "redis_url": redis_url,
            "llm_max_retries": 0,
            "research_block_seconds": 0.2,
            "research_heartbeat_seconds": 0.1,
            "research_stop_seconds": 0,
        }
        return Settings(**{**values, **changes})

    return changed


@pytest.fixture
def start(
    serve: Serve, client_of: Callable[..., Client], settings: Callable[..., Settings]
) -> Callable[..., Client]:
    """Return a function that serves the service with these settings and returns a client of tenant acme."""
    return lambda **changes: client_of(serve(create_app(settings(**changes))))


@pytest.fixture
def research(start: Callable[..., Client]) -> Client:
    return start()
