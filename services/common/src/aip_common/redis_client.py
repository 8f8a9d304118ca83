"""A Redis client that fails within its time limits, and the problem that says so."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from aip_common.problems import dependency_unavailable

CONNECT_SECONDS = 0.5
OPERATION_SECONDS = 1.0


def connect(url: SecretStr, operation_seconds: float = OPERATION_SECONDS) -> Redis:
    """Return a client for text values; nothing is connected yet.

    A command that blocks on the server needs an `operation_seconds` above its own time. The library's default
    of ten retries would take seconds to report a refused connection.
    """
    return Redis.from_url(
        url.get_secret_value(),
        decode_responses=True,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=operation_seconds,
        retry=Retry(NoBackoff(), 0),
    )


@contextmanager
def unavailable_as_problem() -> Iterator[None]:
    """Turn any failure of Redis inside the block into the 503 problem that names it."""
    try:
        yield
    except RedisError as error:
        raise dependency_unavailable("redis", retry_after=1) from error
