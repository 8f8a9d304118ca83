"""What `python3 -m tools.docker_path` says where nothing runs; tests/engine/test_docker_path.py runs it."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from airgap.errors import AirgapError
from airgap.settings import Settings
from tools.docker_path.__main__ import main
from tools.docker_path.machine import CONTAINER, LINK, Machine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("DOCKER_PATH_STATE", str(tmp_path / "docker"))
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    return Machine(Settings(tmp_path / "airgap", registry_port=port), lambda _: None)


def test_without_a_registry_nothing_is_started(machine: Machine) -> None:
    with pytest.raises(AirgapError, match=r"no registry answers at 127\.0\.0\.1:") as caught:
        machine.up()
    assert "airgap up" in caught.value.hint
    assert not machine.state.root.exists()


def test_a_shell_is_not_pointed_to_a_docker_that_does_not_run(machine: Machine) -> None:
    with pytest.raises(AirgapError, match="does not run"):
        machine.variables()
    assert machine.status() == "Docker does not run"


def test_it_reaches_the_registry_at_the_link_s_end(machine: Machine) -> None:
    assert machine.registry == f"{LINK.gateway}:{machine.settings.registry_port}"


def test_its_socket_is_in_the_folder_that_docker_shares(machine: Machine) -> None:
    assert machine.socket.parent == machine.docker.shared
    assert f"unix://{machine.socket}" in machine.docker.options


def test_the_container_is_the_one_that_the_cli_starts() -> None:
    assert CONTAINER == "dagger-engine-v0.21.8"


def test_a_command_that_is_not_there_prints_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start"]) == 2
    assert "up       start it" in capsys.readouterr().err
