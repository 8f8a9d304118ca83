"""Conversations in Redis, limited in size, and deleted an hour after the last use."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import structlog
from aip_common.problems import Problem
from aip_common.redis_client import unavailable_as_problem
from pydantic import BaseModel, TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from agent_service.settings import Settings

# A lock outlives the longest run, so it needs no renewal. After a kill it expires after this time.
_LOCK_MARGIN_SECONDS = 10
# A run that lost its lock must not overwrite what another run has written since.
_SAVE = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

log = structlog.get_logger()


class Message(BaseModel):
    """One turn of the user or of the agent."""

    role: Literal["user", "assistant"]
    content: str


_MESSAGES = TypeAdapter(list[Message])


class Sessions:
    """The sessions of all tenants. Methods raise the 503 problem that names Redis if it is unavailable."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._settings = settings
        self._save = redis.register_script(_SAVE)
        self._release = redis.register_script(_RELEASE)

    async def read(self, tenant: str, session_id: str) -> list[Message] | None:
        """Return the messages, oldest first, or None if there is no such session; renew its expiry."""
        with unavailable_as_problem():
            text = await self._redis.getex(_key(tenant, session_id), ex=self._settings.agent_session_seconds)
        return None if text is None else _MESSAGES.validate_json(text)

    async def delete(self, tenant: str, session_id: str) -> bool:
        """Delete a session; return whether it existed."""
        with unavailable_as_problem():
            return bool(await self._redis.delete(_key(tenant, session_id)))

    async def write(self, tenant: str, session_id: str, messages: list[Message], lock: str) -> None:
        """Replace the messages, less the oldest turns that are over the caps, if the lock is still held."""
        text = _capped(messages, self._settings.agent_session_messages, self._settings.agent_session_bytes)
        keys = [_key(tenant, session_id), _lock_key(tenant, session_id)]
        with unavailable_as_problem():
            if not await self._save(keys=keys, args=[lock, text, self._settings.agent_session_seconds]):
                raise _busy()

    @asynccontextmanager
    async def locked(self, tenant: str, session_id: str) -> AsyncIterator[str]:
        """Hold the session for one run and yield the lock; raise the 409 problem while another holds it."""
        key, lock = _lock_key(tenant, session_id), secrets.token_hex(16)
        seconds = self._settings.agent_run_seconds + _LOCK_MARGIN_SECONDS
        with unavailable_as_problem():
            if not await self._redis.set(key, lock, nx=True, px=int(seconds * 1000)):
                raise _busy()
        try:
            yield lock
        finally:
            try:
                await self._release(keys=[key], args=[lock])
            except RedisError as error:  # it expires by itself
                log.warning("session lock not released", error=type(error).__name__)


def _key(tenant: str, session_id: str) -> str:
    return f"agent:session:{tenant}:{session_id}"


def _lock_key(tenant: str, session_id: str) -> str:
    return f"agent:lock:{tenant}:{session_id}"


def _busy() -> Problem:
    text = "another run is using this session; wait for its end"
    return Problem(409, "session_busy", text, retry_after=1)


def _capped(messages: list[Message], most: int, most_bytes: int) -> bytes:
    """Return the newest whole turns (a question and its answer) that fit, as JSON."""
    while True:
        text = _MESSAGES.dump_json(messages)
        if len(messages) <= most and len(text) <= most_bytes:
            return text
        messages = messages[2:]
