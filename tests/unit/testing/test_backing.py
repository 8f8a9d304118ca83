"""What runs beside unit tests, of the compose files that projects have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.testing import backing
from tests.unit.project.reading import project

if TYPE_CHECKING:
    from pathlib import Path

    from ci.project.model import ComposeModel

COMPOSE = """
services:
  web:
    build: .
    environment:
      DATABASE_URL: postgresql://shop:secret@db:5432/shop
      BROKER: amqp://queue:5672
      OTHER_URL: http://dbx:1/db-of-others
      THIRD_URL: http://my-db:1
      PLAIN: "1"
    depends_on: [db, queue, cache, worker, migrate]
  worker: {build: .}
  migrate: {build: ., image: "own:1"}
  seed: {image: "own:1"}
  db:
    image: postgres:16-alpine
    environment: {POSTGRES_USER: shop, POSTGRES_PASSWORD_FILE: /run/secrets/password}
    secrets: [password]
    ports: ["5432:5432", "53:53/udp"]
    volumes: ["./init.sql:/docker-entrypoint-initdb.d/init.sql:ro", "data:/var/lib/postgresql/data"]
    healthcheck: {test: "pg_isready -U shop", interval: 30s}
  queue:
    depends_on: [registry]
    configs: [{source: rabbit, target: /etc/rabbitmq/rabbitmq.conf}, plugins, token]
    image: rabbitmq:4
    command: [rabbitmq-server, --quiet]
    expose: ["5672"]
    healthcheck: {test: [CMD, rabbitmq-diagnostics, ping]}
  cache: {image: "redis:7", healthcheck: {disable: true}}
  registry: {image: "etcd:3", volumes: ["./etcd:/etc/etcd"]}
configs:
  rabbit: {content: "cost = 5$$"}
  plugins: {file: ./plugins.txt}
  token: {environment: TOKEN}
secrets: {password: {environment: PASSWORD}}
volumes: {data: {}}
"""


@pytest.fixture
def compose(tmp_path: Path) -> ComposeModel:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    return project(tmp_path)


def test_each_image_that_a_service_depends_on_runs_beside_its_tests(compose: ComposeModel) -> None:
    found = {each.name: each for each in backing.of(compose, compose.services["web"])}
    assert list(found) == ["cache", "db", "queue"]
    db = found["db"]
    assert db.ports == (5432,)
    assert db.mounts == {"/docker-entrypoint-initdb.d/init.sql": "init.sql"}
    assert db.files == {"/run/secrets/password": "placeholder-of-PASSWORD-"}
    assert db.healthcheck
    assert (db.healthcheck.command, db.healthcheck.in_shell) == (("pg_isready -U shop",), True)
    queue = found["queue"]
    assert (queue.command, queue.ports) == (("rabbitmq-server", "--quiet"), (5672,))
    assert queue.healthcheck
    assert (queue.healthcheck.command, queue.healthcheck.in_shell) == (
        ("rabbitmq-diagnostics", "ping"),
        False,
    )
    assert found["cache"].healthcheck is None


def test_what_such_a_service_needs_itself_runs_as_well(compose: ComposeModel) -> None:
    beside = backing.of(compose, compose.services["web"])
    (queue,) = [each for each in beside if each.name == "queue"]
    assert [(each.name, each.mounts) for each in queue.needs] == [("registry", {"/etc/etcd": "etcd"})]
    assert [each.name for each in backing.everything(beside)] == ["cache", "db", "queue", "registry"]


def test_a_job_does_not_run_beside_tests(tmp_path: Path) -> None:
    waits = "{db: {condition: service_healthy}, seed: {condition: service_completed_successfully}}"
    services = f"{{web: {{build: ., depends_on: {waits}}}, db: {{image: x}}, seed: {{image: y}}}}"
    (tmp_path / "compose.yaml").write_text(f"services: {services}")
    found = project(tmp_path)
    assert [each.name for each in backing.of(found, found.services["web"])] == ["db"]
    assert backing.jobs(found.services["web"]) == ["seed"]


def test_such_a_service_gets_its_configs(compose: ComposeModel) -> None:
    (queue,) = [each for each in backing.of(compose, compose.services["web"]) if each.name == "queue"]
    assert queue.mounts == {"/plugins": "plugins.txt"}
    assert queue.files == {"/etc/rabbitmq/rabbitmq.conf": "cost = 5$", "/token": "placeholder-of-TOKEN-"}


def test_what_the_project_builds_does_not_run_beside_tests(compose: ComposeModel) -> None:
    assert backing.of(compose, compose.services["worker"]) == []
    assert backing.variables(compose.services["worker"], [], {}) == ({}, {})


def test_tests_get_the_variables_that_lead_there(compose: ComposeModel) -> None:
    web = compose.services["web"]
    plain = {
        "DATABASE_URL": "postgresql://shop:secret@db:5432/shop",
        "BROKER": "amqp://queue:5672",
        "TEST_DATABASE_URL": "postgresql+asyncpg://shop:placeholder-of-PASSWORD-@db:5432/shop",
        "TEST_REDIS_URL": "redis://cache:6379/0",
    }
    assert backing.variables(web, backing.of(compose, web), {}) == (plain, {})


FROM_FILE = """
services:
  web:
    build: .
    env_file: .env
    environment: {CACHE: "redis://:${CACHE_PASSWORD}@cache:6379", PLAIN: "http://db:1", OTHER: "${OTHER}"}
    depends_on: [db, cache]
  db:
    image: postgres:16
    environment: {POSTGRES_USER: shop, POSTGRES_PASSWORD_FILE: /run/secrets/password}
    secrets: [password]
  cache: {image: "redis:7", environment: {PASSWORD: "${CACHE_PASSWORD}"}}
secrets: {password: {environment: PASSWORD}}
"""
VALUES = {
    "URL": "postgresql://shop:p%40ss@db/shop",
    "CACHE_PASSWORD": "c",
    "PASSWORD": "p@ss",
    "OTHER": "o",
    "ELSEWHERE": "http://example.com",
}


def test_values_of_an_env_file_are_secrets_and_lead_there(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(FROM_FILE)
    given = "".join(f"{name}={value}\n" for name, value in VALUES.items())
    found = project(tmp_path, values=given)
    web, secrets = found.services["web"], backing.secrets(found, VALUES)
    beside = backing.of(found, web)
    plain, hidden = backing.variables(web, beside, secrets)
    assert plain == {"PLAIN": "http://db:1", "TEST_REDIS_URL": "redis://cache:6379/0"}
    assert hidden == {
        "URL": VALUES["URL"],
        "CACHE": "redis://:c@cache:6379",
        "TEST_DATABASE_URL": "postgresql+asyncpg://shop:p%40ss@db:5432/shop",
    }
    cache, db = beside
    assert "c" not in cache.environment.values()
    assert backing.inserted(cache.environment["PASSWORD"], secrets) == "c"
    assert backing.inserted(db.files["/run/secrets/password"], secrets) == "p@ss"
