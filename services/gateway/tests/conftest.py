"""The gateway between real databases and a service that says what it was sent."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from aip_testing.gateway import Gateway
from aip_testing.scripted import Service
from aip_testing.values import ADMIN_KEY, SECRET
from fastapi import FastAPI
from gateway import database
from gateway.main import create_app
from gateway.migrate import migrate
from gateway.settings import Settings
from pydantic import SecretStr


@pytest.fixture
def service(serve: Callable[[FastAPI], str]) -> Iterator[Service]:  # noqa: ARG001 - released before its server stops
    service = Service()
    yield service
    service.released.set()


@pytest.fixture
def database_url(postgres_url: str) -> str:
    async def prepare() -> None:
        engine = database.engine(SecretStr(postgres_url), None)
        await migrate(engine)
        await engine.dispose()

    asyncio.run(prepare())
    return postgres_url


@pytest.fixture
def settings(
    service: Service, database_url: str, redis_url: str, serve: Callable[[FastAPI], str]
) -> Settings:
    url = serve(service.app())
    return Settings(
        redis_url=SecretStr(redis_url),
        database_url=SecretStr(database_url),
        internal_token_secret=SECRET,
        api_key_pepper=SECRET,
        admin_key=SecretStr(ADMIN_KEY),
        assistant_url=url,
        knowledge_url=url,
        agent_url=url,
        research_url=url,
        # Tests ask again and again until something has happened; those of the limit set their own.
        rate_limit_burst=10_000,
    )


@pytest.fixture
def start(settings: Settings, serve: Callable[[FastAPI], str]) -> Iterator[Callable[..., Gateway]]:
    """Return a function that starts a gateway, with settings changed as told."""
    clients: list[httpx2.Client] = []

    def start(**changes: Any) -> Gateway:  # noqa: ANN401
        changed = settings.model_copy(update=changes)
        url = serve(create_app(changed))
        clients.append(httpx2.Client(base_url=url, timeout=30))
        return Gateway(url, clients[-1])

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def gateway(start: Callable[..., Gateway]) -> Gateway:
    return start()


@pytest.fixture
def user(gateway: Gateway) -> Iterator[httpx2.Client]:
    """Return a client with a key for everything."""
    with gateway.client(gateway.new_key()["key"]) as client:
        yield client
