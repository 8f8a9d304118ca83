"""Builds on a real engine: the table, the cache, and what an edit rebuilds."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.engine.client import ROOT, Dagger

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# Commands that run after an edit of what they read: the project, or what builds can read.
EACH_TIME = ("compose_config", "bake.sh")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository to edit."""
    folder = tmp_path_factory.mktemp("copy") / "repository"
    ignore = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, folder, ignore=ignore)
    return folder


@pytest.mark.docker_path
def test_all_images_are_built_and_the_table_names_each(dagger: Dagger) -> None:
    called = dagger.call("build")
    assert called.code == 0, called.error
    rows = {line.split()[0]: line for line in called.stdout.splitlines()[1:]}
    assert {"gateway", "assistant-service"} <= set(rows)
    for row in rows.values():
        assert DIGEST.search(row)
        assert "10001:10001" in row


def test_nothing_is_executed_when_nothing_changed(copy: Path) -> None:
    first = Dagger(copy).call("build")
    again = Dagger(copy).call("build")
    assert again.stdout == first.stdout
    assert again.executed() == []
    (copy / "README.md").write_text(f"edited {time.time()}\n")
    edited = Dagger(copy).call("build").executed()
    assert any("compose_config" in command for command in edited), "what is executed is seen"
    assert not any("bake.sh" in command for command in edited), "no build can read this file"


def test_one_source_line_changes_that_image_only(copy: Path) -> None:
    here = Dagger(copy)
    main = next((copy / "services" / "assistant" / "src").glob("*/__init__.py"))
    main.write_text(main.read_text() + f"\n# edited {time.time()}\n")  # or an earlier run's result is enough
    before = here.call("build")
    assert before.code == 0, before.error
    main.write_text(main.read_text() + f"\n# edited {time.time()}\n")
    after = here.call("build")
    assert after.code == 0, after.error
    ran = after.executed()
    others = sorted(command for command in ran if not any(script in command for script in EACH_TIME))
    assert len(others) == 1, "one image is another one: it is fetched from the sandbox, and read"
    assert "/layout.py exported" in others[0]
    assert "/assistant-service-" in others[0]

    def digests(text: str) -> dict[str, str]:
        return {line.split()[0]: line.split()[1] for line in text.splitlines()[1:]}

    old, new = digests(before.stdout), digests(after.stdout)
    assert {name for name in old if old[name] != new[name]} == {"assistant-service"}


SERVICES = ("agent", "assistant", "gateway", "knowledge", "research")


# One service stands for all: tests/test_dockerfiles.py compares what they copy.
def test_an_edit_outside_of_what_a_service_copies_rebuilds_nothing(copy: Path) -> None:
    here, service = Dagger(copy), "gateway"
    before = here.call("build", "--only", service)
    assert before.code == 0, before.error
    others = [copy / "services" / other for other in SERVICES if other != service]
    edited = [path for folder in others for path in folder.glob("src/*/__init__.py")]
    edited += [*(copy / "services" / service / "tests").glob("test_*.py"), copy / "README.md"]
    edited += [copy / "compose.test.yaml", *(copy / "tests" / "integration").glob("*.py")]
    assert len(edited) > len(others)
    for path in edited:
        path.write_text(f"{path.read_text()}\n# edited {time.time()}\n")
    after = here.call("build", "--only", service)
    assert after.code == 0, after.error
    ran = after.executed()
    assert any(EACH_TIME[0] in command for command in ran), "what is executed is seen"
    assert [command for command in ran if not any(script in command for script in EACH_TIME)] == []
    assert DIGEST.findall(after.stdout) == DIGEST.findall(before.stdout)


OTHERS = [pytest.param(name, marks=pytest.mark.long) for name in ("plain", "dots", "logs", "report")]


@pytest.mark.parametrize("progress", ["auto", *OTHERS])
def test_every_progress_off_a_terminal(dagger: Dagger, progress: str) -> None:
    called = dagger.call("services", progress=progress)
    assert called.code == 0, called.stderr
    assert "gateway" in called.stdout


@pytest.mark.parametrize("progress", ["auto", "tty", *OTHERS])
def test_every_progress_on_a_terminal(progress: str) -> None:
    code, text = on_terminal(["dagger", f"--progress={progress}", "call", "services"])
    assert code == 0, text
    assert "assistant-service" in text


def on_terminal(command: list[str], limit: float = 120) -> tuple[int, str]:
    """Run the command on a pseudo terminal; return its exit code and output."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=follower, stdout=follower, stderr=follower, start_new_session=True
    )
    os.close(follower)
    shown, deadline = b"", time.monotonic() + limit
    while time.monotonic() < deadline:
        if not select.select([leader], [], [], 0.2)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            data = os.read(leader, 1 << 16)
        except OSError:
            break
        if not data:
            break
        shown += data
    os.close(leader)
    if process.poll() is None:
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait(), shown.decode(errors="replace")
