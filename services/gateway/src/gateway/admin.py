"""Manage API keys, authenticated by the admin key from the settings."""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Annotated

from aip_common.identity import unauthenticated
from aip_common.problems import Problem
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway import metrics
from gateway.context import ContextDep
from gateway.keys import Scope
from gateway.public import bearer


async def _require_admin(request: Request, context: ContextDep) -> None:
    expected = context.settings.admin_key.get_secret_value()
    if not hmac.compare_digest(bearer(request).encode(), expected.encode()):
        metrics.AUTH_FAILURES.labels("admin").inc()
        raise unauthenticated("the administrator's key is needed: Authorization: Bearer …")


router = APIRouter(prefix="/admin/v1", dependencies=[Depends(_require_admin)])


class NewKey(BaseModel, extra="forbid"):
    """A key to create."""

    tenant: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], Field(min_length=1)]
    expires_in_days: Annotated[int | None, Field(ge=1, le=3650)] = None


class KeyInfo(BaseModel):
    """The public information about a key."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    tenant: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class CreatedKey(KeyInfo):
    """A new key with its text, which is shown only once."""

    key: str


@router.post("/api-keys", status_code=201)
async def create(body: NewKey, context: ContextDep) -> CreatedKey:
    """Create a key."""
    expires_at = datetime.now(UTC) + timedelta(days=body.expires_in_days) if body.expires_in_days else None
    key, text = await context.keys.create(body.tenant, body.name, body.scopes, expires_at)
    return CreatedKey(**KeyInfo.model_validate(key).model_dump(), key=text)


@router.get("/api-keys")
async def keys(context: ContextDep) -> dict[str, list[KeyInfo]]:
    """Return all keys, without their texts."""
    return {"items": [KeyInfo.model_validate(key) for key in await context.keys.all()]}


@router.delete("/api-keys/{id}", status_code=204)
async def revoke(id: str, context: ContextDep) -> None:  # noqa: A002 - the name in the path
    """Revoke a key."""
    if not await context.keys.revoke(id):
        raise Problem(404, "not_found", "there is no valid key of this id")
