"""The fixtures, found by pytest through this distribution's entry point or `-p aip_testing.plugin`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import structlog
from hypothesis import HealthCheck, settings
from starlette.types import ASGIApp

from aip_testing import postgres, redis
from aip_testing.relay import Relay
from aip_testing.stub import Stub
from aip_testing.web import Servers

# A slow machine must not fail a property test, and failures must be reproducible.
settings.register_profile(
    "services",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("services")

Serve = Callable[[ASGIApp], str]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run the anyio tests on asyncio, as uvicorn does."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> None:
    """Print logs as the services do, because structlog's default prints local variables, slowly."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )


@pytest.fixture(scope="session")
def _redis_server() -> Iterator[str]:
    with redis.server() as url:
        yield url


@pytest.fixture
def redis_url(_redis_server: str) -> str:
    """Return the URL of an empty Redis: TEST_REDIS_URL, which is flushed, or one started here."""
    redis.flush(_redis_server)
    return _redis_server


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture
def postgres_url(_postgres_server: str) -> Iterator[str]:
    """Return the URL of a new database on the server of TEST_DATABASE_URL, or on one started here."""
    with postgres.new_database(_postgres_server) as url:
        yield url


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that serves an application with a real uvicorn until the test ends."""
    servers = Servers()
    yield servers.serve
    servers.stop()


@pytest.fixture
def openai_stub(serve: Serve) -> Iterator[Stub]:
    """Return a running stand-in for Azure OpenAI."""
    with Stub.started(serve) as stub:
        yield stub


@pytest.fixture
def relay() -> Iterator[Callable[[str], Relay]]:
    """Return a function that puts a relay in front of a server, to cut and restore the connection."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(Relay(url))
