"""A passing result of the integration suite is cached as long as all its inputs are the same."""

from __future__ import annotations

import json
import secrets
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.client import ROOT, Dagger
from tests.engine.images import push_base, registry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Called

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("kept")]

IMAGE = "python:3.13-slim-trixie"
SUITE = "import urllib.request as u\ndef test_it(): assert u.urlopen('http://web', timeout=9).status == 200\n"
PROBE = "import urllib.request as u; u.urlopen('http://127.0.0.1')"
POLICY = '\n[tool.ci]\nintegration = "tests/integration"\n'


@pytest.fixture(scope="module")
def moving() -> str:
    """A tag in the registry of this machine, which tests move."""
    tag = f"tests/moving:{secrets.token_hex(6)}"
    push_base(tag, Env=["PATH=/usr/bin:/bin", "VERSION=1"])
    return tag


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, moving: str) -> Path:
    """A project whose containers use inputs of every kind."""
    folder = tmp_path_factory.mktemp("kept")
    web: dict[str, Any] = {
        "image": IMAGE,
        "command": ["python3", "-m", "http.server", "80"],
        "volumes": ["./site:/site:ro"],
        "secrets": ["key"],
        "configs": ["settings"],
        "env_file": ["web.env"],
        "environment": {"GREETING": "${GREETING}"},
        "healthcheck": {"test": ["CMD", "python3", "-c", PROBE], "interval": "1s"},
    }
    services = {
        "web": web,
        "own": {"build": "own", "command": ["true"]},
        "other": {"image": f"{registry()}/{moving}", "command": ["true"]},
    }
    top = {"secrets": {"key": {"file": "./key.txt"}}, "configs": {"settings": {"file": "./settings.json"}}}
    files = {
        "compose.yaml": json.dumps({"name": "kept", "services": services, **top}),
        "site/index.html": "one",
        "key.txt": "the first key",
        "settings.json": "{}",
        "web.env": "LEVEL=1\n",
        "values.env": "GREETING=hello-to-all\n",
        "own/Dockerfile": f"FROM {IMAGE}\nCOPY app.py /\n",
        "own/app.py": "print(1)\n",
        "README.md": "one\n",
        "tests/integration/test_it.py": SUITE,
        "pyproject.toml": (ROOT / "pyproject.toml").read_text().partition("[tool.ci]")[0] + POLICY,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    shutil.copy(ROOT / "uv.lock", folder)
    ran(Dagger(), folder)
    return folder


def ran(dagger: Dagger, folder: Path) -> bool:
    """Call the suite, which must pass; return whether it ran in this call."""
    called: Called = dagger.call(
        *("--source", str(folder), "--env-file", f"file:{folder}/values.env", "test-integration")
    )
    assert called.code == 0, called.error
    executed = any("stack.sh" in command for command in called.executed())
    assert executed == ("(cached)" not in called.stdout), called.stdout
    return executed


def test_what_the_run_is_not_given_changes_nothing(dagger: Dagger, project: Path) -> None:
    assert not ran(dagger, project)
    (project / "README.md").write_text("two\n")
    assert not ran(dagger, project)
    (project / "site" / "index.html").write_text(secrets.token_hex(4))
    assert ran(dagger, project), "a run is seen"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("site/index.html", "two"),
        ("key.txt", "the second key"),
        ("settings.json", "[]"),
        ("web.env", "LEVEL=2\n"),
        ("values.env", "GREETING=hello-to-some\n"),
        ("own/app.py", "print(2)\n"),
        ("tests/integration/test_it.py", f"{SUITE}def test_more(): pass\n"),
    ],
)
def test_what_it_is_given_makes_it_run_again(dagger: Dagger, project: Path, path: str, text: str) -> None:
    (project / path).write_text(text)
    assert ran(dagger, project)


def test_a_command_of_the_compose_file_makes_it_run_again(dagger: Dagger, project: Path) -> None:
    file = project / "compose.yaml"
    file.write_text(file.read_text().replace('["true"]', '["true", "1"]'))
    assert ran(dagger, project)


def test_an_image_whose_tag_has_moved_makes_it_run_again(dagger: Dagger, project: Path, moving: str) -> None:
    push_base(moving, Env=["PATH=/usr/bin:/bin", "VERSION=2"])
    assert ran(dagger, project)


def test_a_red_result_is_not_kept(dagger: Dagger, project: Path) -> None:
    suite = project / "tests" / "integration" / "test_it.py"
    suite.write_text("import os\ndef test_it(): assert os.urandom(1) == b''\n")
    for _ in range(2):
        called = dagger.call(
            *("--source", str(project), "--env-file", f"file:{project}/values.env", "test-integration")
        )
        assert called.code == 1
        assert any("stack.sh" in command for command in called.executed())
