"""What `doctor` finds missing and what `init` adds, for a project that has only a compose file."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ci.onboarding import doctor, files, pins
from ci.onboarding.project import Known
from ci.project import policy
from ci.testing.convention import Found
from tests.unit.project.reading import project

ROOT = Path(__file__).parents[3]
COMPOSE = """
services:
  web:
    build: web
    ports: ["8080:8000"]
    environment: {KEY: "${KEY:?}"}
    healthcheck: {test: curl -f http://localhost:8000/healthz}
  api: {build: api, ports: ["8081:8000", "53:53/udp"]}
  db: {image: "postgres:16", ports: ["5432:5432"]}
  gone: {image: "gone:1", ports: ["1:1"]}
  gpu: {image: "model:1", gpus: all}
"""
DOCKERFILE = "FROM python:3.12-slim\n"
DIGEST = "sha256:" + "ab" * 32
MODULE = "github.com/team/pipeline@v1"


@pytest.fixture
def known(tmp_path: Path) -> Known:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    texts = {"compose.yaml": COMPOSE, "web/Dockerfile": DOCKERFILE, "api/Dockerfile": DOCKERFILE}
    texts["api/.dockerignore"] = ".git\n"
    unpinned = pins.compose("compose.yaml", COMPOSE, set())
    unpinned += [
        each for path in ("api", "web") for each in pins.dockerfile(f"{path}/Dockerfile", DOCKERFILE)
    ]
    return Known(
        compose=project(tmp_path),
        policy=policy.Policy(),
        texts=texts,
        found={
            "web": Found("none", "no folder web/tests"),
            "api": Found("requirements", "x", tests="api/tests"),
        },
        left_out={"gone": "gone:1"},
        unpinned=tuple(unpinned),
        digests={"python:3.12-slim": DIGEST},
        suite_obstacle="no file says what it needs",
    )


def after(known: Known) -> Known:
    """Return the project with what `init` adds applied."""
    changed = files.added(known, MODULE)
    texts = {**known.texts, **changed}
    unpinned = [each for p, t in texts.items() if p.endswith("Dockerfile") for each in pins.dockerfile(p, t)]
    settings = policy.read(texts.get("pyproject.toml", ""), texts.get(".ci.toml", ""))
    return replace(known, texts=texts, unpinned=tuple(unpinned), policy=settings, has_suite=True)


def test_init_adds_what_is_missing(known: Known) -> None:
    added = files.added(known, MODULE)
    assert set(added) == {
        ".ci.toml",
        ".github/workflows/containers.yml",
        "api/Dockerfile",
        "tests/integration/requirements.txt",
        "tests/integration/test_published_ports.py",
        "web/.dockerignore",
        "web/Dockerfile",
    }
    assert tomllib.loads(added[".ci.toml"]) == {"services-without-tests": ["web"], "version": "tag"}
    assert added["web/Dockerfile"] == f"FROM python:3.12-slim@{DIGEST}\n"
    workflow = yaml.safe_load(added[".github/workflows/containers.yml"])
    assert f"dagger call -m {MODULE} --source . gate" in workflow["jobs"]["gate"]["steps"][-1]["run"]


def test_the_workflow_reads_the_project_with_the_same_options(known: Known) -> None:
    options = ["--files", "a b.yaml", "--project-directory", "infra", "--env-file", "env:COMPOSE_ENV"]
    workflow = yaml.safe_load(files.added(known, MODULE, options)[files.WORKFLOW])
    *_, report, _, gate = workflow["jobs"]["gate"]["steps"]
    for step in (report, gate):
        given = "--source . --files 'a b.yaml' --project-directory infra --env-file env:COMPOSE_ENV"
        assert given in step["run"]
        assert step["env"] == {"COMPOSE_ENV": "${{ secrets.COMPOSE_ENV }}"}
    assert any("COMPOSE_ENV" in line for line in files.untouched(known, MODULE, options))
    assert "# ENV" not in files.added(known, MODULE)[files.WORKFLOW]
    assert not any("COMPOSE_ENV" in line for line in files.untouched(known, MODULE))


def test_pins_alone_change_references_alone(known: Known) -> None:
    changed = files.pinned(known)
    assert changed == {path: text for path, text in files.added(known, MODULE).items() if path in changed}
    assert set(changed) == {"api/Dockerfile", "web/Dockerfile"}
    assert files.pinned(after(known)) == {}
    assert files.unpinned(known) == [line for line in files.untouched(known, MODULE) if "digest" in line]


def test_init_again_adds_nothing(known: Known) -> None:
    assert files.added(after(known), MODULE) == {}


def test_files_that_exist_stay_as_they_are(known: Known) -> None:
    own = {files.WORKFLOW: "name: ours\n", "web/.dockerignore": "*\n", ".ci.toml": "test-timeout = 9\n"}
    there = replace(known, texts={**known.texts, **own})
    assert files.added(there, MODULE).keys() & own.keys() == set()
    assert f"{files.WORKFLOW}: exists" in files.untouched(there, MODULE)


def test_the_first_test_asks_each_published_tcp_port_that_is_there(known: Known) -> None:
    text = files.added(known, "")["tests/integration/test_published_ports.py"]
    body = ast.parse(text).body
    ports = next(
        each.value
        for each in body
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "PORTS"
    )
    assert ast.literal_eval(ports) == [("api", 8000, "/"), ("db", 5432, ""), ("web", 8000, "/healthz")]


def test_a_pyproject_gets_a_table_and_stays_otherwise(known: Known) -> None:
    text = '[project]\nname = "shop"\nversion = "1"'
    there = replace(known, texts={**known.texts, "pyproject.toml": text})
    added = files.added(there, "")
    assert ".ci.toml" not in added
    assert added["pyproject.toml"].startswith(text + "\n\n[tool.ci]\n")
    assert policy.read(added["pyproject.toml"]).services_without_tests == ("web",)
    own = replace(
        known, texts={**known.texts, "pyproject.toml": text + "\n[ tool . ci . services.web]\ntest='a'"}
    )
    assert "pyproject.toml" not in files.added(own, "")


def test_what_stays_is_listed(known: Known) -> None:
    said = files.untouched(known, "")
    assert any(line.startswith("compose.yaml:9: postgres:16") for line in said)
    assert any(line.startswith("no workflow") for line in said)
    assert any(line.startswith("web: ") for line in said)


def test_doctor_names_each_function_and_the_line_to_add(known: Known) -> None:
    found = {
        (each.function, each.what.partition(":")[0].partition(" ")[0]): each.add
        for each in doctor.lacks(known)
    }
    assert found["test", "web"] == (
        '[services.web] test = "COMMAND" in .ci.toml, or services-without-tests = ["web"]'
    )
    assert found["posture", "web/Dockerfile"] == f"python:3.12-slim@{DIGEST}"
    assert ("stack", "KEY") not in found  # any value will do, and it gets one
    assert "--only or a profile" in found["stack", "services.gpu.gpus"]
    assert ("stack", "gone") in found
    assert found["publish", "there"].startswith('version = "tag" in .ci.toml')
    assert 'integration = ""' in found["test-integration", "there"]
    rows = {line.split()[0]: line for line in doctor.text(known).splitlines()[1:11]}
    assert rows["build"].split() == ["build", "ready"]
    assert "needs posture, test" in rows["gate"]


def test_after_init_only_what_needs_a_person_is_left(known: Known) -> None:
    done = replace(after(known), suite_obstacle="", unpinned=())
    assert {each.function for each in doctor.lacks(done)} == {"lint", "stack"}


def test_the_workflow_has_the_pins_of_our_own() -> None:
    template = (ROOT / "ci/src/ci/onboarding/templates/workflow.yml").read_text()
    install = (ROOT / ".github/install-dagger.sh").read_text()
    own = (ROOT / ".github/workflows/pull-request.yml").read_text()
    assert set(re.findall(r"uses: (\S+)", template)) <= set(re.findall(r"uses: (\S+)", own))
    version, checksum = re.search(r"version=(\S+)", install), re.search(r"amd64 sum=(\w+)", install)
    assert version
    assert checksum
    assert f"VERSION: {version[1]}\n" in template
    assert f"SHA256: {checksum[1]}\n" in template


def test_a_reference_without_a_digest_says_who_knows_it(known: Known) -> None:
    def add(replaced: set[str]) -> str:
        lacks = doctor.lacks(replace(known, replaced=frozenset(replaced)))
        return next(each.add for each in lacks if "postgres:16" in each.what)

    assert "docker buildx imagetools inspect postgres:16" in add(set())
    assert "the images map replaces the image" in add({"postgres:16"})


def test_a_project_of_pulled_images_needs_no_build_for_its_stack(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {db: {image: 'postgres:16'}}")
    pulled = Known(compose=project(tmp_path), policy=policy.Policy(), texts={}, found={}, has_suite=True)
    rows = {line.split()[0]: line.split()[1:] for line in doctor.text(pulled).splitlines()[1:11]}
    assert rows["stack"] == rows["test-integration"] == ["ready"]
    assert rows["publish"][-1] == "build"


def test_secrets_of_an_env_file_are_one_line_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services: {a: {image: x, env_file: env/a.env, environment: {API_KEY: k}}, "
        "b: {image: x, env_file: env/a.env}}"
    )
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "a.env").write_text("SECRET_KEY=3f9a8b7c6d\nDB_PASSWORD=hunter2hunter2\nPORT=1\n")
    read = Known(compose=project(tmp_path), policy=policy.Policy(), texts={}, found={})
    whats = [each.what for each in doctor.lacks(read) if each.function == "posture"]
    assert whats == [
        "services.a.environment.API_KEY has a secret's value in the file",
        "env/a.env: a secret's value for DB_PASSWORD, SECRET_KEY",
    ]
