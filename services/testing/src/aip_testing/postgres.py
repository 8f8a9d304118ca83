"""A PostgreSQL for the tests, and a new database for each."""

import asyncio
import os
import pwd
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from aip_testing import processes

VARIABLE = "TEST_DATABASE_URL"
_DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_USER = "postgres"


@contextmanager
def server() -> Iterator[str]:
    """Yield the URL of the given PostgreSQL, or of one started for these tests."""
    given = os.environ.get(VARIABLE)
    if given:
        yield given
        return
    initdb = processes.find("initdb", "postgresql", VARIABLE, _DEBIAN)
    program = processes.find("postgres", "postgresql", VARIABLE, _DEBIAN)
    user = _unprivileged()
    port = processes.free_port()
    with processes.scratch(user) as folder:
        data = folder / "data"
        subprocess.run(
            [initdb, "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync"],
            user=user,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            check=True,
            capture_output=True,
        )
        argv = [program, "-D", str(data), "-p", str(port), "-k", "", "-h", "127.0.0.1", "-F"]
        log = folder / "postgres.log"
        with processes.started(argv, lambda: _answers(port), log=log, user=user):
            yield f"postgresql+asyncpg://{_USER}@127.0.0.1:{port}/postgres"


@contextmanager
def new_database(url: str) -> Iterator[str]:
    """Yield the URL of an empty database, dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    _execute(url, f"CREATE DATABASE {name}")
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        _execute(url, f"DROP DATABASE {name} WITH (FORCE)")


def _unprivileged() -> str | None:
    """Return the user to run as, because PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_USER).pw_name
    except KeyError:
        pytest.fail("there is no user 'postgres': install the package postgresql", pytrace=False)


def _answers(port: int) -> bool:
    try:
        _execute(f"postgresql://{_USER}@127.0.0.1:{port}/postgres", "SELECT 1")
    except Exception:  # noqa: BLE001 - refused, starting up, cut: all mean "not yet"
        return False
    return True


def _execute(url: str, statement: str) -> None:
    import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415 - only the gateway's environment has it, and only its tests come here

    async def execute() -> None:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=5)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute())
