"""The sandbox: a private Docker Engine with its own data that exits with the command."""

from __future__ import annotations

import csv
import io
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from ci.references import parse
from ci.sandbox import failure
from ci.tools import DOCKER
from tests.engine.client import ROOT, Called, Dagger

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.docker_path]

SCRIPTS = ROOT / "ci" / "src" / "ci" / "container_scripts"


@dataclass(frozen=True)
class Sandbox:
    """The sandbox's scripts in a container with data of this test."""

    dagger: Dagger
    volume: str = field(default_factory=lambda: f"test-{secrets.token_hex(4)}")
    version: str = "test"

    def run(self, script: str, *, privileged: bool = True, megabytes: int = 0) -> Called:
        """Run a shell script next to the engine; `megabytes` limits the disk for the data."""
        place = ["with-mounted-cache", "--path", "/state", "--cache", self.volume]
        if megabytes:
            place = ["with-mounted-temp", "--path", "/state", "--size", str(megabytes * 1_000_000)]
        words = io.StringIO()
        csv.writer(words, lineterminator="").writerow(["/ci/sandbox.sh", "sh", "-c", script])
        variables = {
            "SANDBOX_STATE": "/state",
            "SANDBOX_VERSION": self.version,
            "SANDBOX_IMAGES": f"/state/images/{self.version}",
            "SOURCE_DATE_EPOCH": "315532800",
            "RUN": secrets.token_hex(4),  # so that Dagger does not return a cached run
        }
        image = os.environ.get("CI_REGISTRY")
        reference = f"{image}/library/{parse(DOCKER, where='test').without_digest}" if image else DOCKER
        return self.dagger.run(
            *("core", "container", "from", "--address", reference),
            *("with-directory", "--path", "/ci", "--source", str(SCRIPTS)),
            *(w for n, v in variables.items() for w in ("with-env-variable", "--name", n, "--value", v)),
            *place,
            *(
                "with-exec",
                "--args",
                words.getvalue(),
                *(["--insecure-root-capabilities"] if privileged else []),
            ),
            "combined-output",
        )

    def ended(self, called: Called) -> str:
        """Return the exit code that Dagger reports of the command, as text; "" if it was 0."""
        return called.error.partition("exit code: ")[2].split()[0] if called.code else ""


@pytest.fixture
def sandbox(dagger: Dagger) -> Sandbox:
    return Sandbox(dagger)


def test_the_engine_listens_on_the_loopback_of_its_container_only(sandbox: Sandbox) -> None:
    """State 0A is LISTEN: Dagger's containers share a network, so a port would be open to other calls."""
    called = sandbox.run("docker version --format '{{.Server.Version}}'; cat /proc/net/tcp /proc/net/tcp6")
    assert called.code == 0, called.error
    listening = [line.split()[1] for line in called.stdout.splitlines() if " 0A " in line]
    assert "local_address" in called.stdout
    assert [address for address in listening if not address.startswith("0100007F:")] == []


def test_a_container_in_it_does_not_see_the_socket(sandbox: Sandbox) -> None:
    build = (
        "printf 'FROM scratch\\nCOPY --from=tools / /\\nRUN ls /run > /seen; ! ls /run/docker*\\n' >/tmp/D &&"
        " mkdir -p /tmp/root/bin /tmp/root/lib /tmp/root/lib64 /tmp/root/run /tmp/root/var &&"
        " cp $(ldd /bin/sh /bin/ls 2>/dev/null | grep -o '/[^ :]*' | sort -u) /tmp/root/lib 2>/dev/null;"
        " cp -L /lib64/ld-* /tmp/root/lib64; cp -L /bin/sh /bin/ls /tmp/root/bin;"
        " docker buildx build --quiet --network none --build-context tools=/tmp/root --file /tmp/D /tmp/root"
    )
    called = sandbox.run(build)
    assert called.code == 0, called.stderr[-3000:]


def test_a_container_without_privileges_ends_at_once(sandbox: Sandbox) -> None:
    called = sandbox.run("true", privileged=False)
    assert sandbox.ended(called) == str(failure.NOT_PRIVILEGED)


def test_an_engine_that_is_killed_is_told_from_a_command_that_fails(sandbox: Sandbox) -> None:
    killed = sandbox.run("kill -9 $(cat /run/docker-sandbox.pid); while docker version; do :; done; false")
    assert sandbox.ended(killed) == str(failure.ENGINE_ENDED)
    assert sandbox.ended(sandbox.run("exit 7")) == "7"


def test_a_full_disk_is_named(sandbox: Sandbox) -> None:
    called = sandbox.run("head -c 200000000 /dev/zero >$SANDBOX_SLOT/fill", megabytes=120)
    assert sandbox.ended(called) == str(failure.DISK_FULL)


def test_its_data_is_there_for_the_next_run_and_gone_with_another_version(sandbox: Sandbox) -> None:
    image = "printf 'FROM scratch\\nLABEL a=b\\n' | docker buildx build --quiet --tag kept -"
    assert sandbox.run(image).code == 0
    again = sandbox.run("docker image inspect --format '{{json .Config.Labels}}' kept")
    assert '{"a":"b"}' in again.stdout, again.error
    newer = Sandbox(sandbox.dagger, sandbox.volume, "newer").run("docker image ls --quiet")
    assert newer.code == 0, newer.error
    assert "another version" in newer.stdout
    assert "sha256" not in newer.stdout


CONTAINERD = "$SANDBOX_SLOT/containerd/io.containerd"


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(f"head -c 32768 /dev/urandom >{CONTAINERD}.metadata.v1.bolt/meta.db", id="database"),
        pytest.param(f"rm -rf {CONTAINERD}.content.v1.content/blobs/*", id="content"),
    ],
)
def test_damaged_data_is_removed_and_reported(sandbox: Sandbox, damage: str) -> None:
    build = "cd /tmp && printf 'FROM scratch\\nCOPY x /x\\n' >D && echo x >x"
    build += " && docker buildx build --quiet --file D --tag t . >&2 && docker save t >/dev/null"
    first = sandbox.run(f"{build} && ({damage}); docker save t >/dev/null")
    called = sandbox.run(f"{build} && echo saved")
    assert called.code == 0, called.error
    assert "saved" in called.stdout
    assert "it is emptied" in first.stderr + called.stdout


def test_two_at_once_have_a_slot_each(sandbox: Sandbox) -> None:
    command = (
        "echo slot $SANDBOX_SLOT; for i in 1 2 3 4 5 6 7 8; do docker version >/dev/null; sleep 0.5; done"
    )
    runs = [subprocess_of(sandbox, command) for _ in range(2)]
    texts = [process.communicate(timeout=300)[0] for process in runs]
    assert [process.returncode for process in runs] == [0, 0], texts
    slots = {line.split()[-1] for text in texts for line in text.splitlines() if "slot /state" in line}
    assert slots == {"/state/slot-1", "/state/slot-2"}


def subprocess_of(sandbox: Sandbox, script: str) -> subprocess.Popen[str]:
    """Start what `Sandbox.run` runs, without waiting."""
    code = (
        "import sys; from tests.engine.client import Dagger; from tests.engine.test_sandbox import Sandbox;"
        "c = Sandbox(Dagger(), sys.argv[1]).run(sys.argv[2]); print(c.stdout, c.stderr); sys.exit(c.code)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, sandbox.volume, script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'ci' / 'src'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_call_that_is_killed_leaves_no_slot_in_use(dagger: Dagger, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {build: .}}\n")
    marker = secrets.token_hex(4)
    (tmp_path / "Dockerfile").write_text(f"FROM debian:trixie-slim\nRUN echo begun-{marker} && sleep 300\n")
    command = ["dagger", "--progress=plain", "call", "--source", str(tmp_path), "build"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(f"begun-{marker}" in line and "RUN" not in line for line in process.stderr)
        during = dagger.call("sandbox")
        process.kill()
    assert "used" in during.stdout, during.error
    (tmp_path / "Dockerfile").write_text("FROM debian:trixie-slim\nRUN true\n")
    assert dagger.call("--source", str(tmp_path), "build").code == 0
    after = dagger.call("sandbox")
    assert after.stdout.startswith("data"), after.error
    in_use = [line for line in after.stdout.splitlines() if " used " in line]
    assert len(in_use) < len([line for line in during.stdout.splitlines() if " used " in line])


def test_a_build_that_dagger_has_cached_needs_no_data_of_the_sandbox(dagger: Dagger, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {build: .}}\n")
    (tmp_path / "Dockerfile").write_text(f"FROM debian:trixie-slim\nRUN echo {secrets.token_hex(4)} > /x\n")
    call = ("--source", str(tmp_path))
    first = dagger.call(*call, "build")
    assert first.code == 0, first.error
    assert dagger.call("sandbox", "--empty").code == 0
    again = dagger.call(
        *call, "report", "--only", "build", "entries"
    )  # not the cached call, but the same build
    assert again.code == 0, again.error
