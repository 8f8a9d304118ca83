"""API keys: their format, storage and authentication."""

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from aip_common.breaker import Breaker, BreakerOpenError
from aip_common.identity import Caller, unauthenticated
from aip_common.problems import Problem, dependency_unavailable
from pydantic import SecretStr
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway import metrics
from gateway.database import api_keys, unavailable_as_problem

Scope = Literal["assistant", "knowledge:read", "knowledge:write", "agents", "research", "usage"]
_KEY = re.compile(r"aip_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class Key:
    """A key in the database; `hash` is the hash of the secret, which only its owner knows."""

    id: str
    tenant: str
    name: str
    hash: bytes
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyStore:
    """The keys in the database, with a cache for outages of the database."""

    def __init__(
        self,
        engine: AsyncEngine,
        pepper: SecretStr,
        *,
        service: str,
        cache_seconds: float,
        stale_seconds: float,
    ) -> None:
        self._engine = engine
        self._pepper = pepper.get_secret_value().encode()
        self._cache_seconds = cache_seconds
        self._stale_seconds = stale_seconds
        self._cache: dict[str, tuple[float, Key]] = {}
        self._breaker = Breaker(service, "postgres")

    def warm(self) -> bool:
        """Return whether some keys would be accepted even without the database."""
        oldest = time.monotonic() - self._stale_seconds
        return any(fetched_at > oldest for fetched_at, _ in self._cache.values())

    async def authenticate(self, presented: str) -> Caller:
        """Return the key's caller. Raise the 401 problem, or the 503 problem if the key cannot be checked."""
        parts = _KEY.fullmatch(presented)
        if not parts:
            raise _refused("malformed" if presented else "missing")
        key = await self._find(parts[1])
        if key is None:
            raise _refused("unknown")
        if not hmac.compare_digest(key.hash, self._hash(parts[2])):
            raise _refused("wrong")
        if key.revoked_at:
            raise _refused("revoked")
        if key.expires_at and key.expires_at <= datetime.now(UTC):
            raise _refused("expired")
        return Caller(key.id, key.tenant, frozenset(key.scopes))

    async def create(
        self, tenant: str, name: str, scopes: list[Scope], expires_at: datetime | None
    ) -> tuple[Key, str]:
        """Create a key; return it with its text, which cannot be retrieved later."""
        identifier, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        key = Key(
            identifier, tenant, name, self._hash(secret), list(scopes), datetime.now(UTC), expires_at, None
        )
        with unavailable_as_problem():
            async with self._engine.begin() as connection:
                await connection.execute(insert(api_keys).values(**vars(key)))
        return key, f"aip_{identifier}_{secret}"

    async def all(self) -> list[Key]:
        """Return all keys, newest first."""
        with unavailable_as_problem():
            async with self._engine.connect() as connection:
                rows = await connection.execute(select(api_keys).order_by(api_keys.c.created_at.desc()))
                return [Key(**row) for row in rows.mappings()]

    async def revoke(self, identifier: str) -> bool:
        """Revoke a key; return whether it was valid. Other replicas follow when their cache expires."""
        statement = update(api_keys).where(api_keys.c.id == identifier, api_keys.c.revoked_at.is_(None))
        with unavailable_as_problem():
            async with self._engine.begin() as connection:
                result = await connection.execute(statement.values(revoked_at=datetime.now(UTC)))
        self._cache.pop(identifier, None)
        return result.rowcount > 0

    async def _find(self, identifier: str) -> Key | None:
        fetched_at, cached = self._cache.get(identifier, (float("-inf"), None))
        age = time.monotonic() - fetched_at
        if cached and age < self._cache_seconds:
            return cached
        try:
            key = await self._fetch(identifier)
        except Problem:
            if cached and age < self._stale_seconds:
                return cached
            raise
        if key:
            self._cache[identifier] = (time.monotonic(), key)
        else:
            self._cache.pop(identifier, None)
        return key

    async def _fetch(self, identifier: str) -> Key | None:
        try:
            self._breaker.before()
        except BreakerOpenError as error:
            raise dependency_unavailable("postgres", error.retry_after) from error
        try:
            with unavailable_as_problem():
                async with self._engine.connect() as connection:
                    rows = await connection.execute(select(api_keys).where(api_keys.c.id == identifier))
                    row: Any = rows.mappings().one_or_none()
        except Problem:
            self._breaker.failure()
            raise
        except BaseException:
            self._breaker.neither()
            raise
        self._breaker.success()
        return Key(**row) if row else None

    def _hash(self, secret: str) -> bytes:
        # A fast keyed hash is enough, because 256 random bits cannot be guessed. The pepper is not stored.
        return hmac.new(self._pepper, secret.encode(), hashlib.sha256).digest()


def _refused(reason: str) -> Problem:
    metrics.AUTH_FAILURES.labels(reason).inc()
    return unauthenticated("a valid API key is needed: Authorization: Bearer aip_…")
