"""A Redis client with time limits, and the problem for its failures."""

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
    """Create a client for text values, without connecting.

    A blocking command needs an `operation_seconds` above its own timeout. With the library's default of ten
    retries, reporting a refused connection would take seconds.
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
    """Convert any failure of Redis inside the block to the 503 problem that names it."""
    try:
        yield
    except RedisError as error:
        raise dependency_unavailable("redis", retry_after=1) from error
