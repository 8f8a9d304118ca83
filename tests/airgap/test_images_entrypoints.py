"""How the images' entrypoints handle command and environment, with the started programs replaced."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from airgap.recipe import RECIPES

if TYPE_CHECKING:
    from pathlib import Path

REDIS = RECIPES / "redis" / "docker-entrypoint.sh"
POSTGRES = RECIPES / "postgres" / "docker-entrypoint.sh"
REGISTRY = RECIPES / "registry" / "entrypoint.sh"
PASSWORD = {"POSTGRES_PASSWORD": "x"}
SAY = '#!/bin/sh\necho "$(basename "$0") $*"\n'


class Container:
    """Runs an entrypoint with replaced programs, as a non-root user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.program("id", "#!/bin/sh\necho 999\n")

    def program(self, name: str, text: str = SAY) -> None:
        path = self.programs / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def run(self, entrypoint: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.programs}:{os.environ['PATH']}"
        return subprocess.run(
            [str(entrypoint), *command],
            cwd=self.folder,
            env={"PATH": path, "LC_ALL": "C.UTF-8", **env},
            check=False,
            capture_output=True,
            text=True,
            timeout=20,
        )


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


@pytest.fixture
def redis(container: Container) -> Container:
    container.program("redis-server")
    return container


@pytest.mark.parametrize(
    ("command", "started"),
    [
        (["redis-server"], "redis-server --protected-mode no"),
        (["redis-server", "--appendonly", "yes"], "redis-server --appendonly yes --protected-mode no"),
        (["--appendonly", "yes"], "redis-server --appendonly yes --protected-mode no"),
        (["--protected-mode", "yes"], "redis-server --protected-mode yes"),
        (["redis-server", "--version"], "redis-server --version"),
        (["echo", "a b"], "a b"),
    ],
)
def test_redis_command(redis: Container, command: list[str], started: str) -> None:
    done = redis.run(REDIS, *command)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, started, "")


@pytest.mark.parametrize(
    ("line", "more"),
    [("port 1", " --protected-mode no"), ("Protected-Mode yes", ""), ("  protected-mode no", "")],
)
def test_redis_configuration_decides_on_protected_mode(redis: Container, line: str, more: str) -> None:
    (redis.folder / "my.conf").write_text(line + "\n", encoding="utf-8")
    assert redis.run(REDIS, "my.conf").stdout == f"redis-server my.conf{more}\n"


def test_redis_root_hands_over_and_becomes_redis(redis: Container) -> None:
    redis.program("id", "#!/bin/sh\necho 0\n")
    redis.program("find")
    redis.program("setpriv")
    done = redis.run(REDIS, "--port", "1")
    assert done.stdout.splitlines() == [
        "find . ! -user redis -exec chown redis {} +",
        f"setpriv --reuid redis --regid redis --clear-groups -- {REDIS} redis-server --port 1",
    ]


def test_registry_command(container: Container) -> None:
    container.program("registry")
    assert container.run(REGISTRY, "/etc/x.yml").stdout == "registry serve /etc/x.yml\n"
    assert container.run(REGISTRY, "garbage-collect", "x").stdout == "registry garbage-collect x\n"
    assert container.run(REGISTRY, "echo", "x").stdout == "x\n"


@pytest.fixture
def postgres(container: Container) -> Container:
    for name in ("initdb", "pg_ctl", "postgres", "mkdir", "chmod", "getent"):
        container.program(name)
    container.program("psql", '#!/bin/sh\necho "psql $*"\ncat\n')
    container.program("initdb", '#!/bin/sh\nfor word in "$@"; do echo "initdb $word"; done\n')
    (container.folder / "data").mkdir()
    return container


def start(container: Container, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return container.run(POSTGRES, *command, PGDATA=str(container.folder / "data"), **env)


def test_postgres_refuses_to_make_a_database_without_a_password(postgres: Container) -> None:
    done = start(postgres, "postgres")
    assert done.returncode == 1
    assert "set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE" in done.stderr
    assert "initdb" not in done.stdout


def test_postgres_first_start(postgres: Container) -> None:
    (postgres.folder / "password").write_text("secret\n", encoding="utf-8")
    done = start(
        postgres,
        "-c",
        "port=1",
        POSTGRES_PASSWORD_FILE=str(postgres.folder / "password"),
        POSTGRES_USER="app",
        POSTGRES_INITDB_ARGS='--encoding="UTF 8" -k',
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    made = [line for line in lines if line.startswith("initdb")]
    assert made[0] == "initdb --username=app"
    assert made[1].startswith("initdb --pwfile=/dev/fd/")
    assert made[2:] == ["initdb --encoding=UTF 8", "initdb -k"]
    assert any("--set db=app" in line for line in lines)
    assert "listen_addresses=''" in next(line for line in lines if line.startswith("pg_ctl"))
    assert lines[-1] == "postgres -c port=1"
    hba = (postgres.folder / "data" / "pg_hba.conf").read_text(encoding="utf-8")
    assert hba.endswith("host all all all scram-sha-256\n")
    assert "secret" not in done.stdout + done.stderr


def test_postgres_with_its_own_database_makes_no_other(postgres: Container) -> None:
    done = start(postgres, "postgres", **PASSWORD)
    assert "psql" not in done.stdout


def test_postgres_leaves_a_database_that_is_there(postgres: Container) -> None:
    (postgres.folder / "data" / "PG_VERSION").write_text("17\n", encoding="utf-8")
    done = start(postgres, "postgres")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "postgres ")
    assert "initdb" not in done.stdout


def test_postgres_trust_is_allowed_and_said(postgres: Container) -> None:
    done = start(postgres, "postgres", POSTGRES_HOST_AUTH_METHOD="trust")
    assert done.returncode == 0
    assert "whoever reaches the port is let in" in done.stderr
    hba = (postgres.folder / "data" / "pg_hba.conf").read_text(encoding="utf-8")
    assert hba.endswith("host all all all trust\n")


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"POSTGRES_PASSWORD": "a", "POSTGRES_PASSWORD_FILE": "/b"}, "both POSTGRES_PASSWORD and"),
        (
            {"POSTGRES_PASSWORD": "a", "POSTGRES_DB_FILE": "/none"},
            "POSTGRES_DB_FILE names /none, which cannot",
        ),
    ],
)
def test_postgres_settings_that_cannot_be(postgres: Container, env: dict[str, str], words: str) -> None:
    done = start(postgres, "postgres", **env)
    assert (done.returncode, "initdb" in done.stdout) == (1, False)
    assert words in done.stderr


@pytest.mark.parametrize("command", [["postgres", "--version"], ["--help"], ["psql", "-l"]])
def test_postgres_makes_no_database_to_tell_something(postgres: Container, command: list[str]) -> None:
    done = start(postgres, *command)
    assert (done.returncode, "initdb" in done.stdout) == (0, False)


def test_postgres_that_cannot_be_made_does_not_start(postgres: Container) -> None:
    postgres.program("initdb", "#!/bin/sh\nexit 3\n")
    done = start(postgres, "postgres", **PASSWORD)
    assert done.returncode == 3
    assert "postgres -" not in done.stdout
