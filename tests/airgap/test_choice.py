"""The choice of the engine by `env --auto`, and its reason.

A Docker daemon and the Docker Hub cannot be had here: a script stands in for `docker`, a server on loopback
for the Hub's API. Both are stand-ins; they say what the real ones say to these questions.
"""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from airgap import choice, exports
from airgap.errors import AirgapError
from airgap.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = Settings(state="/unused")  # type: ignore[arg-type]
NOWHERE = "http://127.0.0.1:1/v2/"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in PATH, except for those of basic programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "apt-get", "dpkg-query"):
        (folder / name).symlink_to(f"/usr/bin/{name}" if name != "sh" else "/bin/sh")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


@contextmanager
def hub(status: int, **headers: str) -> Iterator[str]:
    """Run a stand-in for the Hub's API that gives this response; yield its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v2/"
        server.shutdown()


def a_registry() -> dict[str, str]:
    return {"Docker_Distribution_Api_Version": "registry/2.0"}


def test_a_given_engine_is_taken() -> None:
    chosen = choice.choose({exports.RUNNER: "tcp://engine.test:1234"}, HERE)
    assert (
        str(chosen)
        == "engine: a given engine, because _EXPERIMENTAL_DAGGER_RUNNER_HOST is tcp://engine.test:1234"
    )


def test_our_own_engine_given_is_the_air_gapped_one() -> None:
    chosen = choice.choose({exports.RUNNER: "unix:///run/dagger/engine.sock"}, HERE)
    assert chosen == choice.Choice("airgap", "_EXPERIMENTAL_DAGGER_RUNNER_HOST names it")


def test_docker_is_taken_when_daemon_and_registry_answer(programs: Path) -> None:
    script(programs / "docker", '[ "$1" = version ] && echo 28.2.2')
    with hub(401, **a_registry()) as address:
        chosen = choice.choose({}, HERE, hub=address)
    assert chosen == choice.Choice("docker", "Docker 28.2.2 answers and its registry can be reached")


def test_a_docker_client_without_a_daemon_is_not_taken(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    script(programs / "docker", "echo; echo Cannot connect to the Docker daemon >&2; exit 1")
    with hub(401, **a_registry()) as address:
        chosen = choice.choose({}, HERE, hub=address)
    assert chosen == choice.Choice("airgap", "no Docker daemon answers, and this is root on Debian")


@pytest.mark.parametrize("status", [200, 403, 503])
def test_a_proxy_that_answers_is_not_a_registry(
    programs: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    script(programs / "docker", "echo 28.2.2")
    with hub(status) as address:
        chosen = choice.choose({}, HERE, hub=address)
    assert chosen == choice.Choice("airgap", "its registry cannot be reached, and this is root on Debian")


def test_without_any_the_error_says_what_to_install(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(
        AirgapError, match="no Docker daemon answers, and this is not root on Debian"
    ) as caught:
        choice.choose({}, HERE, hub=NOWHERE)
    assert "install Docker" in caught.value.hint
    assert exports.RUNNER in caught.value.hint
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (programs / "dpkg-query").unlink()
    with pytest.raises(AirgapError, match="not root on Debian"):
        choice.choose({}, HERE, hub=NOWHERE)


def test_one_variable_forces_it(programs: Path) -> None:
    assert choice.choose({choice.FORCE: "airgap", exports.RUNNER: "tcp://x"}, HERE).kind == "airgap"
    assert choice.choose({choice.FORCE: "runner", exports.RUNNER: "tcp://x"}, HERE).kind == "runner"
    script(programs / "docker", "echo 28.2.2")
    assert str(choice.choose({choice.FORCE: "docker"}, HERE, hub=NOWHERE)).endswith(
        "because CI_ENGINE=docker"
    )


@pytest.mark.parametrize(
    ("force", "expected"),
    [
        ("podman", "CI_ENGINE='podman' is not a kind of engine"),
        ("runner", "CI_ENGINE=runner, but _EXPERIMENTAL_DAGGER_RUNNER_HOST is not set"),
        ("docker", "CI_ENGINE=docker, but no Docker daemon answers"),
    ],
)
@pytest.mark.usefixtures("programs")
def test_what_cannot_be_forced_is_refused(force: str, expected: str) -> None:
    with pytest.raises(AirgapError) as caught:
        choice.choose({choice.FORCE: force}, HERE)
    assert caught.value.what == expected
    assert caught.value.hint


@pytest.mark.parametrize(
    ("cli", "expected"),
    [
        ("", "is missing"),
        ("echo 'dagger v0.20.0 (docker-image://x) linux/amd64'", "is v0.20.0"),
        ("echo hello", "printed no version"),
        ("exit 1", "is missing"),
    ],
)
def test_a_cli_of_another_version_is_refused(programs: Path, cli: str, expected: str) -> None:
    if cli:
        script(programs / "dagger", cli)
    with pytest.raises(
        AirgapError, match=rf"^the `dagger` on PATH {expected}.*, but v0\.21\.8 is required"
    ) as caught:
        choice.check_cli()
    assert "install Dagger's CLI v0.21.8" in caught.value.hint


def test_the_cli_of_the_right_version_is_taken(programs: Path) -> None:
    script(programs / "dagger", "echo 'dagger v0.21.8 (unix:///run/dagger/engine.sock) linux/amd64'")
    choice.check_cli()


def test_the_exports_for_docker_take_another_engine_s_out_of_the_shell() -> None:
    script = exports.of_docker() + 'echo "${_EXPERIMENTAL_DAGGER_RUNNER_HOST-none} $CI_ENGINE_CHOSEN"'
    before = {"_EXPERIMENTAL_DAGGER_RUNNER_HOST": "unix:///run/dagger/engine.sock"}
    done = subprocess.run(["/bin/sh", "-euc", script], env=before, capture_output=True, text=True, check=True)
    assert done.stdout == "none docker\n"
