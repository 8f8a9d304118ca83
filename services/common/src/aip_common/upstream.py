"""Call another service or a store over HTTP, with time limits, a breaker, metrics and one kind of error."""

import asyncio
import random
import time
from typing import Any

import httpx2

from aip_common import metrics, problems
from aip_common import request as current
from aip_common.breaker import Breaker, BreakerOpenError
from aip_common.problems import deadline_exceeded, dependency_unavailable

CONNECT_SECONDS = 1.0
_INTERNAL_ERROR = 500


class Upstream:
    """A client of one upstream, called `name` in errors and metrics."""

    def __init__(
        self, service: str, name: str, base_url: str, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.name = name
        self._service = service
        self._breaker = Breaker(service, name)
        self._client = httpx2.AsyncClient(
            base_url=base_url,
            transport=transport,
            # Below uvicorn's 5 s, so that a connection is not reused while the other side closes it.
            limits=httpx2.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=4),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        seconds: float,
        idempotent: bool = False,
        stream: bool = False,
        **content: Any,  # noqa: ANN401 - what httpx2 takes: json, content, params, headers
    ) -> httpx2.Response:
        """Return the response with any status. A streamed one has only its head read and must be closed.

        `seconds` limits the call (of a streamed one: until its head), as does the caller's own deadline. An
        idempotent call that could not connect is retried once. Raise the 503 problem that names the upstream,
        or the 504 problem.
        """
        limit = current.seconds_left(seconds)
        request = self._client.build_request(
            method, path, timeout=httpx2.Timeout(limit, connect=min(CONNECT_SECONDS, limit)), **content
        )
        request.headers.setdefault(current.ID_HEADER, current.request_id())
        # Slightly less, so that the upstream's own error arrives before the timeout here.
        request.headers[current.DEADLINE_HEADER] = str(max(1, round(limit * 1000) - 200))
        try:
            async with asyncio.timeout(limit):
                try:
                    return await self._attempt(request, stream=stream)
                except (httpx2.ConnectError, httpx2.ConnectTimeout):
                    if not idempotent:
                        raise
                    await asyncio.sleep(random.uniform(0.05, 0.15))  # noqa: S311 - jitter, not a secret
                    return await self._attempt(request, stream=stream)
        except BreakerOpenError as error:
            raise dependency_unavailable(self.name, error.retry_after) from error
        except (TimeoutError, httpx2.ReadTimeout) as error:
            raise (deadline_exceeded() if limit < seconds else dependency_unavailable(self.name)) from error
        except httpx2.HTTPError as error:
            raise dependency_unavailable(self.name) from error

    async def _attempt(self, request: httpx2.Request, *, stream: bool) -> httpx2.Response:
        self._breaker.before()
        started = time.perf_counter()
        outcome = "cancelled"
        try:
            response = await self._client.send(request, stream=stream)
        except httpx2.HTTPError as error:
            outcome = _name_of(error)
            raise
        else:
            outcome = "failed" if _failed(response) else f"{response.status_code // 100}xx"
            return response
        finally:
            metrics.CLIENT_SECONDS.labels(self._service, self.name, outcome).observe(
                time.perf_counter() - started
            )
            self._tell_breaker(outcome)

    def _tell_breaker(self, outcome: str) -> None:
        if outcome in ("unreachable", "timeout", "broken", "failed"):
            self._breaker.failure()
        elif outcome == "cancelled":
            self._breaker.neither()
        else:
            self._breaker.success()


def _name_of(error: httpx2.HTTPError) -> str:
    if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout)):
        return "unreachable"
    return "timeout" if isinstance(error, httpx2.TimeoutException) else "broken"


def _failed(response: httpx2.Response) -> bool:
    """Return whether the upstream itself failed, and not a dependency such as a throttled model."""
    if response.status_code == _INTERNAL_ERROR:
        return True
    reports = response.headers.get("content-type", "").startswith(problems.MEDIA_TYPE)
    return response.status_code > _INTERNAL_ERROR and not reports
