"""The public endpoints, each of which first checks the key, its scope and its rate limit."""

import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import structlog
from aip_common.identity import Caller
from aip_common.problems import Problem
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from gateway.context import Context, ContextDep
from gateway.keys import Scope
from gateway.proxy import forward
from gateway.routes import ROUTES, Route


def bearer(request: Request) -> str:
    """Return the bearer token of the Authorization header, or ""."""
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    return presented.strip() if scheme.lower() == "bearer" else ""


async def admit(
    request: Request, context: Context, scope: Scope, route_class: str
) -> tuple[Caller, dict[str, str]]:
    """Return the caller and the rate limit's headers; raise the 401, 403 or 429 problem."""
    caller = await context.keys.authenticate(bearer(request))
    structlog.contextvars.bind_contextvars(tenant=caller.tenant)
    if scope not in caller.scopes:
        raise Problem(403, "forbidden", f"this key lacks the scope {scope}")
    decision = await context.limit.check(caller.key_id, route_class)
    headers = context.limit.headers(decision)
    if not decision.allowed:
        seconds = max(1, math.ceil(decision.wait))
        raise Problem(
            429, "rate_limited", "too many requests with this key", headers=headers, retry_after=seconds
        )
    return caller, headers


def _endpoint(route: Route) -> Callable[[Request, Context], Awaitable[Response]]:
    async def endpoint(request: Request, context: ContextDep) -> Response:
        caller, headers = await admit(request, context, route.scope, route.route_class)
        response = await forward(request, route, caller, context)
        response.headers.update(headers)
        return response

    return endpoint


router = APIRouter()
for _route in ROUTES:
    router.add_api_route(
        _route.public_path,
        _endpoint(_route),
        methods=[_route.method],
        name=f"{_route.method} {_route.public_path}",
        response_class=Response,
    )


@router.get("/v1/usage")
async def usage(
    request: Request,
    context: ContextDep,
    since: Annotated[datetime | None, Query(alias="from")] = None,
    until: Annotated[datetime | None, Query(alias="to")] = None,
) -> dict[str, Any]:
    """Return the calls and tokens of the caller's tenant by day and model; the default is 30 days."""
    caller, _ = await admit(request, context, "usage", "usage")
    end = _utc(until) if until else datetime.now(UTC)
    begin = _utc(since) if since else end - timedelta(days=30)
    return {"from": begin, "to": end, "usage": await context.usage.report(caller.tenant, begin, end)}


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
