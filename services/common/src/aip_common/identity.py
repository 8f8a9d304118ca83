"""Who is calling, inside: a short-lived HS256 token from the gateway, for one service."""

import time
from dataclasses import dataclass
from typing import Annotated

import jwt
import structlog
from fastapi import Depends, Request
from pydantic import SecretStr

from aip_common import request as current
from aip_common.core import core_of
from aip_common.problems import Problem

HEADER = "X-AIP-Token"
LIFETIME_SECONDS = 60
_REQUIRED = ["aud", "exp", "sub", "tenant", "scopes"]


@dataclass(frozen=True)
class Caller:
    """An authenticated caller: the key it used, the tenant the key belongs to, what it may do."""

    key_id: str
    tenant: str
    scopes: frozenset[str]


def issue(secret: SecretStr, audience: str, caller: Caller) -> str:
    """Return a token that lets `audience` act for the caller during the next minute."""
    claims = {
        "aud": audience,
        "sub": caller.key_id,
        "tenant": caller.tenant,
        "scopes": sorted(caller.scopes),
        "rid": current.request_id(),
        "exp": int(time.time()) + LIFETIME_SECONDS,
    }
    return jwt.encode(claims, secret.get_secret_value(), algorithm="HS256")


def verify(secret: SecretStr, audience: str, token: str) -> Caller:
    """Return whom a token speaks for; raise the 401 problem if it is not one of ours for this service."""
    try:
        claims = jwt.decode(
            token,
            secret.get_secret_value(),
            algorithms=["HS256"],
            audience=audience,
            options={"require": _REQUIRED},
        )
    except jwt.PyJWTError:
        raise unauthenticated(
            "the internal token is missing or not valid; call through the gateway"
        ) from None
    return Caller(str(claims["sub"]), str(claims["tenant"]), frozenset(claims["scopes"]))


def unauthenticated(detail: str) -> Problem:
    """Return the 401 problem."""
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})


async def require_caller(request: Request) -> Caller:
    """Return the caller of an endpoint that only the gateway and sibling services may reach."""
    core = core_of(request)
    caller = verify(core.settings.internal_token_secret, core.service, request.headers.get(HEADER, ""))
    structlog.contextvars.bind_contextvars(tenant=caller.tenant)
    return caller


CallerDep = Annotated[Caller, Depends(require_caller)]
