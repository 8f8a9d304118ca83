from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest
from agent_service.main import SERVICE, create_app
from agent_service.settings import Settings
from aip_common import identity
from aip_common.identity import Caller
from aip_testing.plugin import Serve
from aip_testing.stub import API_KEY, Stub
from pydantic import SecretStr

Client = Callable[..., httpx2.Client]


@pytest.fixture
def secret() -> SecretStr:
    """Return the secret that the internal tokens are signed with."""
    return SecretStr("an-internal-secret-of-the-tests-0123456789")


@pytest.fixture
def client_of(secret: SecretStr) -> Iterator[Client]:
    """Return a function that returns a client with the token of a tenant."""
    with ExitStack() as stack:

        def client(url: str, tenant: str = "acme") -> httpx2.Client:
            caller = Caller("key-1", tenant, frozenset({"agents"}))

            def signed(request: httpx2.Request) -> httpx2.Request:
                request.headers[identity.HEADER] = identity.issue(secret, SERVICE, caller)
                return request

            return stack.enter_context(httpx2.Client(base_url=url, auth=signed, timeout=30))

        yield client


@pytest.fixture
def start(serve: Serve, client_of: Client, secret: SecretStr, openai_stub: Stub, redis_url: str) -> Client:
    """Return a function that serves the agent with the settings given and returns a client of tenant acme."""

    def started(**settings: Any) -> httpx2.Client:  # noqa: ANN401 - any setting
        values = {
            "azure_openai_endpoint": openai_stub.url,
            "azure_openai_api_key": API_KEY,
            "internal_token_secret": secret,
            "redis_url": redis_url,
            "llm_max_retries": 0,
        }
        return client_of(serve(create_app(Settings(**{**values, **settings}))))

    return started


@pytest.fixture
def agent(start: Client) -> httpx2.Client:
    return start()
