"""Migrate the database to the current schema: `python -m gateway.migrate`, before the service starts."""

import asyncio
import sys
from pathlib import Path

from aip_common import logs
from aip_common.settings import load
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.database import engine
from gateway.settings import MigrationSettings

_LOCK = 0x6761_7465


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for the scripts in this package; there is no ini file."""
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    configuration.attributes["connection"] = connection
    return configuration


async def migrate(database: AsyncEngine) -> None:
    """Upgrade to the newest revision; of several concurrent runs one upgrades and the others wait."""
    async with database.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        await connection.run_sync(lambda sync: command.upgrade(config(sync), "head"))


async def _main() -> None:
    settings = load(MigrationSettings, "gateway.migrate")
    logs.configure("gateway-migrate", "", settings.log_level)
    database = engine(settings.database_url, settings.database_password)
    try:
        await migrate(database)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        where = f"{database.url.host}:{database.url.port}"
        raise SystemExit(f"gateway.migrate: the database at {where} was not migrated: {reason}") from None
    finally:
        await database.dispose()


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
