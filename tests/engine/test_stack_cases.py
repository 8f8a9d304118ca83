"""The behavior of Docker Compose in the stack: services print the checks of fixtures/stack/cases.

Each stack runs once. A service prints `NAME: right` or `NAME: wrong, VALUE` for each of its checks.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.client import FIXTURES, ROOT, interrupt
from tests.engine.stacks import PYTHON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.engine.client import Called, Dagger

pytestmark = pytest.mark.engine

CASES = FIXTURES / "stack" / "cases"
EXPECTED: dict[str, dict[str, list[str]]] = tomllib.loads((CASES / "expected.toml").read_text())
# Not root, so that a test sees which owner a file has in a stack.
DEVELOPER = 1234


def each_of(stacks: Any, *values: Any) -> Any:  # noqa: ANN401 - what pytest takes
    """Return a parameter with the stack as its group, because pytest-xdist runs a group in one process."""
    return pytest.param(stacks, *values, marks=pytest.mark.xdist_group(stacks))


@dataclass(frozen=True)
class Run:
    """One run of a stack to its logs."""

    called: Called
    output: Path

    def lines(self, service: str) -> list[str]:
        """Return the log of a service."""
        log = self.output / f"{service}.log"
        return log.read_text().splitlines() if log.exists() else [f"(no log) {self.error}"]

    @property
    def error(self) -> str:
        """The error of the call or of the stack; "" if both succeeded."""
        if self.called.code:
            return self.called.error or self.called.stderr[-3000:]
        file = self.output / "error.txt"
        return file.read_text() if file.exists() else ""

    def inspected(self, service: str) -> dict[str, Any]:
        """Return `docker inspect` of the service's first container."""
        for each in json.loads((self.output / "inspect.json").read_text()):
            labels = each["Config"]["Labels"]
            number = labels["com.docker.compose.container-number"]
            if (labels["com.docker.compose.service"], number) == (service, "1"):
                found: dict[str, Any] = each
                return found
        pytest.fail(f"there is no container of {service}")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the stacks, with owners and modes that Git does not store."""
    folder = shutil.copytree(CASES, tmp_path_factory.mktemp("source") / "cases", symlinks=True)
    (folder / "project" / "dotenv").rename(folder / "project" / ".env")
    (folder / "mounts" / "tree" / "key.txt").chmod(0o600)
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, DEVELOPER, DEVELOPER, follow_symlinks=False)
    return folder


@pytest.fixture(scope="module")
def stack(dagger: Dagger, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """Run a stack once, when a test first requests it."""
    outputs = tmp_path_factory.mktemp("logs")

    @functools.cache
    def run(name: str) -> Run:
        options = ["--env-file", f"file:{source / name / '.env'}"] if name == "project" else []
        words = ["--source", str(source), "--project-directory", name, *options, "stack", "logs"]
        called = dagger.call(*words, "export", "--path", str(outputs / name))
        return Run(called, outputs / name)

    return run


@pytest.mark.parametrize("name", [each_of(name) for name in EXPECTED])
def test_the_stack_comes_up(stack: Callable[[str], Run], name: str) -> None:
    assert stack(name).error == ""


CHECKS = [
    each_of(name, service, check)
    for name, services in EXPECTED.items()
    for service, checks in services.items()
    for check in checks
]


@pytest.mark.parametrize(("name", "service", "check"), CHECKS)
def test_a_service_sees(stack: Callable[[str], Run], name: str, service: str, check: str) -> None:
    assert f"{check}: right" in stack(name).lines(service)


@pytest.mark.parametrize("name", [each_of(name) for name in EXPECTED])
def test_no_check_is_without_a_test(stack: Callable[[str], Run], name: str) -> None:
    printed = {
        (log.stem, line.partition(": ")[0])
        for log in stack(name).output.glob("*.log")
        for line in log.read_text().splitlines()
        if ": right" in line or ": wrong" in line
    }
    assert printed == {(s, check) for s, checks in EXPECTED[name].items() for check in checks}


@pytest.mark.parametrize(
    ("service", "line"),
    [
        ("speaks", "the entrypoint ran: echo the command of the image"),
        ("entrypoint-empty-text", "the command of the image"),
        ("entrypoint-empty-list", "the command of the image"),
        ("entrypoint-null", "the entrypoint ran: echo the command of the image"),
        ("entrypoint-empty-and-command", "the command of the file"),
        ("entrypoint-of-the-file", "the entrypoint of the file"),
        ("entrypoint-as-text", "two words next last"),
        ("command-empty-text", "the entrypoint ran: echo the command of the image"),
        ("command-empty-list", "the entrypoint ran: echo the command of the image"),
        ("command-of-the-file", "the entrypoint ran: two words next"),
    ],
)
@pytest.mark.xdist_group("processes")
def test_entrypoint_and_command(stack: Callable[[str], Run], service: str, line: str) -> None:
    assert stack("processes").lines(service) == [line]


@pytest.mark.xdist_group("waiting")
@pytest.mark.parametrize(
    ("service", "health"),
    [
        ("slow-to-fail", True),
        ("image-check", True),
        ("image-check-with-other-times", True),
        ("other-check", True),
        ("disabled-check", False),
        ("no-check", False),
    ],
)
def test_a_healthcheck_is_the_image_s_or_the_file_s(
    stack: Callable[[str], Run], service: str, *, health: bool
) -> None:
    assert ("Health" in stack("waiting").inspected(service)["State"]) == health


@pytest.mark.xdist_group("waiting")
def test_times_of_a_healthcheck_change_without_its_command(stack: Callable[[str], Run]) -> None:
    own, changed = (
        stack("waiting").inspected(name)["Config"]["Healthcheck"]
        for name in ("image-check", "image-check-with-other-times")
    )
    assert changed == own | {"Interval": 700_000_000}


@pytest.mark.xdist_group("stopping")
def test_a_service_that_does_not_end_is_killed(stack: Callable[[str], Run]) -> None:
    run = stack("stopping")
    assert run.lines("stubborn") == ["is-asked-first: right"]
    assert run.inspected("stubborn")["State"]["ExitCode"] == 128 + signal.SIGKILL
    assert run.inspected("slow")["State"]["ExitCode"] == 0


@pytest.mark.xdist_group("project")
def test_a_variable_without_a_value_is_named(stack: Callable[[str], Run]) -> None:
    called = stack("project").called
    assert "NOBODY_SETS_THIS_EITHER" in called.stdout + called.stderr


@pytest.mark.xdist_group("project")
def test_a_profile_that_is_off_has_no_log(stack: Callable[[str], Run]) -> None:
    run = stack("project")
    assert (run.output / "reports.log").exists(), run.error
    assert not (run.output / "debug.log").exists()


@pytest.mark.xdist_group("ports")
def test_a_dotenv_that_nobody_gave_is_named(dagger: Dagger, tmp_path: Path) -> None:
    service = {"image": "debian:trixie-slim", "env_file": ".env", "command": ["true"]}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"web": service}}))
    (tmp_path / ".env").write_text("GREETING=good morning\n")
    without = dagger.call("--source", str(tmp_path), "stack", "check")
    assert without.code == 1
    assert "--env-file" in without.error
    given = ["--env-file", f"file:{tmp_path / '.env'}"]
    called = dagger.call("--source", str(tmp_path), *given, "stack", "check")
    assert called.code == 0, called.error


@pytest.mark.xdist_group("ports")
def test_one_port_at_two_addresses_is_refused_only_where_ports_are_opened(
    dagger: Dagger, source: Path, tmp_path: Path
) -> None:
    words = ["--source", str(source), "--files", "ports/addresses.yaml", "stack"]
    run = Run(dagger.call(*words, "logs", "export", "--path", str(tmp_path / "logs")), tmp_path / "logs")
    assert run.error == ""
    assert {path.stem for path in run.output.glob("*.log")} == {"first", "second"}
    refused = dagger.call(*words, "ports", "endpoint")
    assert refused.code == 1
    for text in ("28490", "'first'", "'second'", "host_ip"):
        assert text in refused.error


@pytest.fixture(scope="module")
def published(source: Path) -> Iterator[Callable[[int], str]]:
    """Open the published ports on this machine; the fixture is a function that reads a line of one."""
    words = ["dagger", "--progress=plain", "call", "--source", str(source)]
    words += ["--project-directory", "ports", "stack", "ports", "up"]
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 120

        def line_of(port: int) -> str:
            while True:
                try:
                    with socket.create_connection(("127.0.0.1", port), 3) as server:
                        if line := server.makefile().readline().strip():
                            return line
                except OSError:
                    pass
                if time.monotonic() > deadline or process.poll() is not None:
                    return ""
                time.sleep(0.2)

        try:
            yield line_of
        finally:
            interrupt(process)


@pytest.mark.xdist_group("ports")
def test_each_replica_has_a_port_of_the_range(published: Callable[[int], str]) -> None:
    hosts = {published(port) for port in (28480, 28481, 28482)}
    assert "" not in hosts
    assert len(hosts) == 3


@pytest.mark.xdist_group("ports")
@pytest.mark.parametrize(("port", "line"), [(28483, "long form"), (28484, "loopback")])
def test_a_published_port_is_the_service_s(published: Callable[[int], str], port: int, line: str) -> None:
    assert published(port) == line


@pytest.mark.xdist_group("ports")
def test_datagrams_reach_a_stack_that_is_bound(dagger: Dagger) -> None:
    """Dagger's client opens only TCP ports on this machine."""
    registry = os.environ.get("CI_REGISTRY")
    image = f"{registry}/library/{PYTHON}" if registry else PYTHON
    ask = (
        "import socket; d = socket.socket(type=socket.SOCK_DGRAM); d.settimeout(9);"
        "d.sendto(b'hello', ('bound', 28485)); print(d.recv(100).decode())"
    )
    called = dagger.run(
        "--command",
        f"container | from {image} | with-service-binding bound"
        f" $(ci --source {CASES.relative_to(ROOT)} --project-directory ports | stack | ports)"
        f' | with-exec -- python3 -c "{ask}" | stdout',
    )
    assert "HELLO" in called.stdout.split(), called.stderr[-3000:]
