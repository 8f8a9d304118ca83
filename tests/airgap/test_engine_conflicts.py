"""Conflicts with a real `up` are found before anything is built, and named."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from airgap import catalogue
from tests.airgap.site import ended, kill_group, lines_until, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.airgap.site import Ended, Site

pytestmark = [pytest.mark.engine, pytest.mark.long]

LISTEN = """
import socket, sys
where = sys.argv[1]
with socket.socket(socket.AF_UNIX if "/" in where else socket.AF_INET) as listener:
    listener.bind(where if "/" in where else ("127.0.0.1", int(where)))
    listener.listen()
    print("ready", flush=True)
    sys.stdin.read()
    while True: listener.accept()
"""


@contextmanager
def listening(place: Site, address: str) -> Iterator[int]:
    """Run a process that listens at a port or a socket; yield its id."""
    child = place.start(sys.executable, "-c", LISTEN, address)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    try:
        yield child.pid
    finally:
        kill_group(child)


def refused(done: Ended, *texts: str) -> None:
    assert done.code == 1
    assert "Traceback" not in done.stderr
    for text in texts:
        assert text in done.stderr
    assert "  next: " in done.stderr
    assert ": done in" not in done.stderr  # no step ran


@pytest.fixture
def empty() -> Iterator[Site]:
    """A site where nothing is built yet."""
    with site() as place:
        yield place


def test_a_port_that_is_taken_names_its_owner(empty: Site) -> None:
    with listening(empty, "5000") as pid:
        refused(
            empty.airgap("up"),
            f"the registry's port 127.0.0.1:5000 is taken by pid {pid} (",
            "AIRGAP_REGISTRY_PORT",
        )
        assert f"127.0.0.1:5000 is taken by pid {pid}" in empty.airgap("status").stdout


def test_another_port_can_be_used(place: Site) -> None:
    with listening(place, "5000"):
        done = place.airgap("up", AIRGAP_REGISTRY_PORT="5001")
        assert done.code == 0, done.stderr
        reference = catalogue.IMAGES[0].references[0]
        call = place.dagger("core", "container", "from", f"--address={reference}", "image-ref")
        called = place.run(*call, AIRGAP_REGISTRY_PORT="5001")
        assert called.code == 0, called.stderr
    assert place.airgap("down", AIRGAP_REGISTRY_PORT="5001").code == 0


def test_a_socket_that_is_taken_names_its_owner(empty: Site) -> None:
    empty.socket.parent.mkdir()
    with listening(empty, str(empty.socket)) as pid:
        refused(empty.airgap("up"), f"pid {pid} (", f"listens at {empty.socket}")


def test_another_engine_in_the_same_network_namespace_is_named(
    place: Site, empty: Site, tmp_path: Path
) -> None:
    place.up()
    pid = place.status()["engine"]["pid"]
    second = {
        "AIRGAP_STATE": str(tmp_path / "state"),
        "AIRGAP_SOCKET": str(empty.folder / "engine.sock"),
        "AIRGAP_REGISTRY_PORT": "5002",
    }
    refused(
        place.airgap("up", **second),
        "another engine is in this network namespace",
        f"pid {pid} (",
        "unshare --net",
    )
    assert place.status()["engine"]["pid"] == pid


def test_a_disk_that_is_nearly_full_is_refused(empty: Site) -> None:
    done = empty.airgap("up", AIRGAP_MIN_FREE_GB="1000000")
    refused(done, f"the disk of {empty.state} has ", "1000000.0 GB", "AIRGAP_MIN_FREE_GB")
    assert not (empty.state / "registry").exists()


def test_a_disk_that_is_nearly_full_does_not_matter_when_there_is_nothing_to_do(place: Site) -> None:
    place.up()
    done = place.airgap("up", AIRGAP_MIN_FREE_GB="1000000")
    assert (done.code, "nothing to do" in done.stderr) == (0, True)


def test_without_root_it_says_so(empty: Site) -> None:
    # In a user namespace without a mapping this process is nobody, but can still read the checkout.
    for words in (("up",), ("down",), ("reset",)):
        done = empty.run("unshare", "--user", sys.executable, "-m", "airgap", *words)
        refused(done, f"`{words[0]}` needs root")


def test_interrupted_by_ctrl_c_it_ends_with_130_and_without_a_traceback(empty: Site) -> None:
    child = empty.begin("up")
    lines_until(child, "engine-build: ")
    os.killpg(child.pid, signal.SIGINT)
    done = ended(child)
    assert done.code == 130
    assert "airgap: error: interrupted\n  next: " in done.stderr
    assert "Traceback" not in done.stderr


def test_usage_errors_end_with_2(empty: Site) -> None:
    for words in ((), ("upp",), ("up", "--quick"), ("status", "--js")):
        done = empty.airgap(*words)
        assert (done.code, done.stdout) == (2, "")
        assert "usage: python3 -m airgap" in done.stderr
