"""The migration job."""

import asyncio
import os
import subprocess
import sys

import pytest
from alembic import command
from gateway import database
from gateway.migrate import config, migrate
from pydantic import SecretStr
from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncEngine


def _run(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.migrate"],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_job(postgres_url: str) -> None:
    for _ in range(2):
        done = _run(DATABASE_URL=postgres_url)
        assert done.returncode == 0, done.stderr


@pytest.mark.anyio
async def test_several_at_once_and_the_schema_fits_the_tables(postgres_url: str) -> None:
    engines = [database.engine(SecretStr(postgres_url), None) for _ in range(3)]
    try:
        await asyncio.gather(*(migrate(engine) for engine in engines))
        assert await _tables(engines[0]) == {"alembic_version", "api_keys", "usage_records"}
        async with engines[0].connect() as connection:
            await connection.run_sync(lambda sync: command.check(config(sync)))
            await connection.run_sync(lambda sync: command.downgrade(config(sync), "base"))
            await connection.commit()
        assert await _tables(engines[0]) == {"alembic_version"}
    finally:
        for engine in engines:
            await engine.dispose()


async def _tables(engine: AsyncEngine) -> set[str]:
    async with engine.connect() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "DATABASE_URL: not set"),
        (
            {"DATABASE_URL": "postgresql+asyncpg://x@127.0.0.1:1/z"},
            "the database at 127.0.0.1:1 was not migrated",
        ),
    ],
)
def test_mistakes_end_in_one_text(environment: dict[str, str], says: str) -> None:
    done = _run(**environment)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
