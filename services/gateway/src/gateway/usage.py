"""Usage records, one per answered call, written to the database in the background."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from aip_common.problems import Problem
from pydantic import BaseModel, ValidationError
from sqlalchemy import Date, cast, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway import metrics
from gateway.database import unavailable_as_problem, usage_records

_BATCH_ROWS = 500
_RETRY_SECONDS = 1.0
_LAST_CHANCE_SECONDS = 2.0

log = structlog.get_logger()


class Tokens(BaseModel):
    """The tokens that a service's response reports."""

    input_tokens: int = 0
    output_tokens: int = 0
    model: str = ""

    @classmethod
    def of_answer(cls, body: bytes) -> "Tokens":
        """Return the tokens in a JSON response, zero if it has none."""
        with contextlib.suppress(ValidationError):
            answer = _Answer.model_validate_json(body)
            return cls(**answer.usage.model_dump(exclude={"model"}), model=answer.model)
        return cls()

    @classmethod
    def of_event(cls, frame: bytes) -> "Tokens | None":
        """Return the tokens of a stream's `usage` event, None for any other."""
        lines = frame.split(b"\n")
        if b"event: usage" not in lines:
            return None
        data = b"\n".join(line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: "))
        with contextlib.suppress(ValidationError):
            return cls.model_validate_json(data)
        return None


class _Answer(BaseModel):
    usage: Tokens = Tokens()
    model: str = ""


@dataclass(frozen=True)
class Record:
    """One call."""

    tenant: str
    key_id: str
    route: str
    status: int
    tokens: Tokens
    at: datetime

    def row(self) -> dict[str, Any]:
        """Return the values of the table's row."""
        return {
            **{name: value for name, value in vars(self).items() if name != "tokens"},
            **self.tokens.model_dump(),
        }


class UsageLog:
    """A bounded queue in front of the table; records that do not fit are dropped and counted."""

    def __init__(self, engine: AsyncEngine, max_rows: int) -> None:
        self._engine = engine
        self._max_rows = max_rows
        self._waiting: deque[Record] = deque()
        self._some = asyncio.Event()

    def add(self, record: Record) -> None:
        """Queue a record."""
        if len(self._waiting) >= self._max_rows:
            metrics.USAGE_DROPPED.inc()
            return
        self._waiting.append(record)
        self._some.set()
        metrics.USAGE_QUEUE_DEPTH.set(len(self._waiting))

    async def run(self) -> None:
        """Write records until cancelled; retry failed ones after a second."""
        while True:
            await self._some.wait()
            try:
                await self.flush()
            except Problem:
                log.warning("usage records wait for the database", waiting=len(self._waiting))
                await asyncio.sleep(_RETRY_SECONDS)

    async def flush(self) -> None:
        """Write the queued records. Raise the 503 problem if the database does not accept them."""
        while self._waiting:
            batch = [self._waiting[at] for at in range(min(_BATCH_ROWS, len(self._waiting)))]
            with unavailable_as_problem():
                async with self._engine.begin() as connection:
                    await connection.execute(insert(usage_records), [record.row() for record in batch])
            for _ in batch:
                self._waiting.popleft()
            metrics.USAGE_QUEUE_DEPTH.set(len(self._waiting))
        self._some.clear()

    async def close(self) -> None:
        """Write the remaining records if that is possible within a short time."""
        try:
            async with asyncio.timeout(_LAST_CHANCE_SECONDS):
                await self.flush()
        except (Problem, TimeoutError):
            log.error("usage records lost at shutdown", lost=len(self._waiting))  # noqa: TRY400 - the count says it
            metrics.USAGE_DROPPED.inc(len(self._waiting))

    async def report(self, tenant: str, since: datetime, until: datetime) -> Sequence[dict[str, Any]]:
        """Return calls and tokens of a tenant by day (UTC) and model."""
        day = cast(func.timezone("UTC", usage_records.c.at), Date).label("day")
        statement = (
            select(
                day,
                usage_records.c.model,
                func.count().label("calls"),
                func.sum(usage_records.c.input_tokens).label("input_tokens"),
                func.sum(usage_records.c.output_tokens).label("output_tokens"),
            )
            .where(usage_records.c.tenant == tenant, usage_records.c.at >= since, usage_records.c.at < until)
            .group_by(day, usage_records.c.model)
            .order_by(day, usage_records.c.model)
        )
        with unavailable_as_problem():
            async with self._engine.connect() as connection:
                return [dict(row) for row in (await connection.execute(statement)).mappings()]


def now() -> datetime:
    """Return the time of a record."""
    return datetime.now(UTC)
