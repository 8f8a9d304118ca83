"""Projects modeled on well-known ones: each comes up unchanged, and one service proves that it works."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.engine.client import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = [pytest.mark.engine, pytest.mark.long]

PROJECTS = FIXTURES / "stack" / "projects"


@dataclass(frozen=True)
class Fact:
    """A line in the log of a service that appears only if the other services work."""

    service: str
    line: str
    profiles: tuple[str, ...] = ()


FACTS = {
    "airflow": Fact("airflow-scheduler", "run by 50000:0"),
    "django": Fact("beat", "result 5, user 1000, debug 1"),
    "elk": Fact("kibana", "line of the pipeline"),
    "gitea": Fact("runner", 'runner-1 registered at 1.0, labels: ["trixie"]'),
    "immich": Fact("check", "16MB"),
    "kafka": Fact("init-topics", "broker 3"),
    "keycloak": Fact("app", "issuer http://sso.example.test:8080/realms/shop"),
    "mail": Fact("watchdog", "220 mail.example.test ready"),
    "mastodon": Fact("sidekiq", "for social.example.test"),
    "minio": Fact("createbuckets", "minio4 knows 4 nodes"),
    "n8n": Fact("n8n-worker", "worker has a user of 8 letters"),
    "nextcloud": Fact("cron", 'status {"installed": true, "database": "nextcloud"}'),
    "plausible": Fact("plausible", "a secret of 40 characters, a port of 4 digits, 16384 open files"),
    "rails": Fact("runner", "compiled"),
    "sentry": Fact("replays-consumer", "run consumer keeps events for 90 days"),
    "supabase": Fact("rest", "authenticator"),
    "superset": Fact("superset-worker", "examples for superset_examples"),
    "traefik": Fact("client", "replicas 3"),
    "voting": Fact("result", "cats|2", profiles=("seed",)),
    "wordpress": Fact("cli", "Hello world"),
}


def services(project: Path, fact: Fact) -> set[str]:
    """Return the services of the project, as Compose has them."""
    compose = shutil.which("docker-compose", path=sysconfig.get_path("scripts"))
    assert compose, "docker-compose is not installed: it comes with the development dependencies"
    values = project / "values.env"
    words = ["--env-file", str(values)] if values.exists() else []
    words += [word for profile in fact.profiles for word in ("--profile", profile)]
    command = [compose, *words, "--project-directory", str(project), "config", "--services"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def test_each_project_has_a_fact() -> None:
    assert {path.parent.name for path in PROJECTS.glob("*/compose.yaml")} == set(FACTS)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.xdist_group(n)) for n in FACTS])
def test_a_project_comes_up(dagger: Dagger, tmp_path: Path, name: str) -> None:
    fact, project, output = FACTS[name], PROJECTS / name, tmp_path / "logs"
    values = ["--env-file", f"file:{project / 'values.env'}"] if (project / "values.env").exists() else []
    profiles = [f"--profiles={','.join(fact.profiles)}"] if fact.profiles else []
    words = ["--source", str(project), *values, *profiles, "stack", "logs"]
    called = dagger.call(*words, "export", "--path", str(output))
    assert called.code == 0, called.error
    error = output / "error.txt"
    assert not error.exists(), error.read_text()
    expected = services(project, fact)
    assert {each["Service"] for each in json.loads((output / "ps.json").read_text())} == expected
    assert expected <= {log.stem for log in output.glob("*.log")}
    assert fact.line in (output / f"{fact.service}.log").read_text().splitlines()
