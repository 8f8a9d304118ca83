"""Authentication between services: a short-lived HS256 token from the gateway, for one service."""

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
    """An authenticated caller: its key, the key's tenant, and its scopes."""

    key_id: str
    tenant: str
    scopes: frozenset[str]


def issue(secret: SecretStr, audience: str, caller: Caller) -> str:
    """Issue a token with which `audience` may act for the caller during the next minute."""
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
    """Return the caller that a token identifies.

    Raise the 401 problem if it is not valid for this service.
    """
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
    """Return the caller of an endpoint that only the gateway and other services may call."""
    core = core_of(request)
    caller = verify(core.settings.internal_token_secret, core.service, request.headers.get(HEADER, ""))
    structlog.contextvars.bind_contextvars(tenant=caller.tenant)
    return caller


CallerDep = Annotated[Caller, Depends(require_caller)]
