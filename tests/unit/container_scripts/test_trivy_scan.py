"""The program that runs Trivy, with stand-ins for Trivy that behave as it was seen to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import ci.errors
from ci.container_scripts import trivy_process, trivy_scan

SOURCES = Path(ci.errors.__file__).parents[1]


def stand_in(folder: Path, body: str) -> Path:
    """Make a program that is called as Trivy is; `output` is what it was told to write."""
    path = folder / "trivy"
    lines = ["#!" + sys.executable, "import os, signal, sys, time", "a = sys.argv[1:]"]
    lines += ["output = a[a.index('--output') + 1]", body]
    path.write_text("\n".join(lines))
    path.chmod(0o755)
    return path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", trivy_scan.__name__, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)


@pytest.mark.parametrize("code", [0, 10])
def test_clean_and_findings_both_succeed_and_the_code_is_kept(tmp_path: Path, code: int) -> None:
    trivy = stand_in(tmp_path, f"open(output, 'w').write('{{}}'); sys.exit({code})")
    assert run(trivy, tmp_path / "out", 30, "-", "fs", "/nowhere").returncode == 0
    assert json.loads((tmp_path / "out/outcome.json").read_text())["exit_code"] == code


@pytest.mark.parametrize("code", [1, 2, 3])
def test_a_crash_ends_with_its_code_and_its_words(tmp_path: Path, code: int) -> None:
    trivy = stand_in(tmp_path, f"print('FATAL x', file=sys.stderr); sys.exit({code})")
    done = run(trivy, tmp_path / "out", 30, "-", "fs", "/nowhere")
    assert done.returncode == code
    assert "FATAL x" in done.stderr
    assert not (tmp_path / "out/outcome.json").exists()


def test_a_trivy_that_was_killed_is_a_crash(tmp_path: Path) -> None:
    trivy = stand_in(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    assert run(trivy, tmp_path / "out", 30, "-", "fs", "/nowhere").returncode == trivy_process.CRASHED


def test_a_trivy_that_ignores_sigterm_is_killed_after_its_time(tmp_path: Path) -> None:
    trivy = stand_in(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")
    done = run(trivy, tmp_path / "out", 0.5, "-", "fs", "/nowhere")
    assert done.returncode == trivy_process.TIMED_OUT
    assert "not done within 0.5 s" in done.stderr


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("#trivy:ignore:DS-0002", True),
        ("USER root # trivy:ignore:*", True),
        ("// tfsec:ignore:aws-s3", True),
        ("# trivy:exp:2099-01-01:ignore:DS-0002", True),
        ("# see the how-to for a trivy:ignore of ours", False),
        ("LABEL a=xtrivy:ignore:DS-0002", False),
    ],
)
def test_a_comment_that_trivy_obeys_is_found(tmp_path: Path, line: str, found: bool) -> None:  # noqa: FBT001 - a case
    source = tmp_path / "source"
    source.mkdir()
    (source / "Dockerfile").write_text(f"FROM scratch\n{line}\n")
    (source / "notes.txt").write_text("#trivy:ignore:DS-0002\n")
    results = {"Results": [{"Target": "Dockerfile", "Class": "config"}, {"Target": "uv.lock"}]}
    trivy = stand_in(tmp_path, f"open(output, 'w').write({json.dumps(results)!r})")
    assert run(trivy, tmp_path / "out", 30, "-", "fs", source).returncode == 0
    outcome = json.loads((tmp_path / "out/outcome.json").read_text())
    assert outcome["inline"] == (["Dockerfile:2"] if found else [])


def test_trivy_gets_no_variable_of_the_caller_and_no_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_PASSWORD", "canary")
    body = "open(output, 'w').write(repr(dict(os.environ)))"
    run(stand_in(tmp_path, body), tmp_path / "out", 30, "-", "fs", "/nowhere")
    text = (tmp_path / "out/trivy.json").read_text()
    assert "canary" not in text
    assert "'HOME': '/nonexistent'" in text


def test_trivy_cannot_open_a_network_socket(tmp_path: Path) -> None:
    body = """
import socket
words = []
socket.socketpair()
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
    try:
        socket.socket(family)
        words.append(f'{family} open')
    except PermissionError:
        words.append('denied')
open(output, 'w').write(' '.join(words))
"""
    done = run(stand_in(tmp_path, body), tmp_path / "out", 30, "-", "fs", "/nowhere")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/trivy.json").read_text() == "denied denied denied"


def test_a_machine_whose_calls_are_not_known_is_refused() -> None:
    with pytest.raises(OSError, match="cannot be cut from the network on riscv64"):
        trivy_process.no_network_filter("riscv64")


def test_a_packed_image_is_unpacked_for_trivy(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("{}")
    with tarfile.open(tmp_path / "image.tar", "w") as image:
        image.add(tmp_path / "index.json", "index.json")
    body = "i = a[a.index('--input') + 1]; open(output, 'w').write(repr(os.listdir(i)))"
    run(stand_in(tmp_path, body), tmp_path / "out", 30, "-", "image", "--input", tmp_path / "image.tar")
    assert (tmp_path / "out/trivy.json").read_text() == "['index.json']"


def test_a_lock_of_which_trivy_read_nothing_is_named(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("a/uv.lock", "b/uv.lock", "c/poetry.lock", "node_modules/x/yarn.lock", "vendor/go.mod"):
        (source / name).parent.mkdir(parents=True)
        (source / name).write_text("x")
    (source / "c" / "requirements.txt").touch()
    results = {"Results": [{"Target": "a/uv.lock", "Packages": [{"Name": "x"}]}, {"Target": "b/uv.lock"}]}
    trivy = stand_in(tmp_path, f"open(output, 'w').write({json.dumps(results)!r})")
    words = ("fs", "--skip-dirs", source / "vendor", source)
    assert run(trivy, tmp_path / "out", 30, "-", *words).returncode == 0
    outcome = json.loads((tmp_path / "out/outcome.json").read_text())
    assert outcome["unread"] == ["b/uv.lock", "c/poetry.lock"]
