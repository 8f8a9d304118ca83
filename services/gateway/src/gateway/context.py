"""The objects that the gateway's endpoints use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from aip_common.upstream import Upstream
from fastapi import Depends, Request

from gateway.keys import KeyStore
from gateway.ratelimit import RateLimit
from gateway.settings import Settings
from gateway.usage import UsageLog


@dataclass(frozen=True)
class Context:
    """The objects, created when the application starts."""

    settings: Settings
    keys: KeyStore
    limit: RateLimit
    usage: UsageLog
    upstreams: Mapping[str, Upstream]


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


ContextDep = Annotated[Context, Depends(_context)]
