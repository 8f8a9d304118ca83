"""The database's tables and connections."""

from collections.abc import Iterator
from contextlib import contextmanager

from aip_common.problems import dependency_unavailable
from pydantic import SecretStr
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

CONNECT_SECONDS = 2
POOL_SECONDS = 2
STATEMENT_SECONDS = 5
DRIVER = "postgresql+asyncpg"

metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s"})

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("name", String(100), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("scopes", ARRAY(String(32)), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
)

usage_records = Table(
    "usage_records",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("key_id", String(12), nullable=False),
    Column("route", String(100), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("model", String(100), nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Index("ix_usage_records_tenant_at", "tenant", "at"),
)


def parse(url: SecretStr) -> URL:
    """Parse the URL of the database. Raise `ValueError` if it is invalid or has another driver."""
    try:
        parsed = make_url(url.get_secret_value())
    except ArgumentError:
        raise ValueError(f"it is not a URL; it looks like {DRIVER}://USER@HOST:5432/DATABASE") from None
    if parsed.drivername != DRIVER:
        raise ValueError(f"it begins with {parsed.drivername}://, it must begin with {DRIVER}://")
    return parsed


def engine(url: SecretStr, password: SecretStr | None) -> AsyncEngine:
    """Create an engine, without connecting. The password may be in the URL or separate."""
    parsed = parse(url)
    if password:
        parsed = parsed.set(password=password.get_secret_value())
    return create_async_engine(
        parsed,
        pool_size=5,
        max_overflow=5,
        pool_timeout=POOL_SECONDS,
        pool_pre_ping=True,
        connect_args={"timeout": CONNECT_SECONDS, "command_timeout": STATEMENT_SECONDS},
    )


@contextmanager
def unavailable_as_problem() -> Iterator[None]:
    """Convert any failure of the database inside the block to the 503 problem that names it."""
    try:
        yield
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise dependency_unavailable("postgres") from error
