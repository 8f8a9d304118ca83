"""The life of a real engine from `up` to `reset`."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airgap import catalogue, network
from airgap.process import identify
from tests.airgap.site import ALL, ended, gone, lines_until, site

if TYPE_CHECKING:
    from tests.airgap.site import Site

pytestmark = pytest.mark.engine

NOTHING_TO_DO = 2.0  # seconds
CALL = ("core", "container", "from", f"--address={catalogue.IMAGES[0].references[0]}")


def test_a_second_up_finds_nothing_to_do_and_takes_no_time(place: Site) -> None:
    place.up()
    before = place.status()
    again = [place.up() for _ in range(3)]
    assert all("up (nothing to do)" in each.stderr for each in again)
    assert min(each.seconds for each in again) < NOTHING_TO_DO
    after = place.status()
    assert before["engine"]["pid"] == after["engine"]["pid"]
    assert before["registry"]["pid"] == after["registry"]["pid"]


def test_status_says_what_there_is(place: Site) -> None:
    place.up()
    facts = place.status()
    assert all(facts["steps"].values())
    assert facts["engine"]["running"]
    assert facts["engine"]["answers"]
    assert facts["engine"]["address"] == f"unix://{place.socket}"
    for image in facts["registry"]["images"]:
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", image["digest"])
        assert image["stand-in"]
    table = place.airgap("status").stdout
    for expected in (
        str(place.state),
        str(place.socket),
        "/run/buildkit/buildkitd.sock",
        network.BRIDGE,
        "MB",
    ):
        assert expected in table
    assert f"pid {facts['engine']['pid']}" in table


def test_the_exports_of_env_are_enough_for_a_call(place: Site) -> None:
    place.up()
    exports = place.airgap("env").stdout
    assert f"export _EXPERIMENTAL_DAGGER_RUNNER_HOST=unix://{place.socket}\n" in exports
    assert "export CI_REGISTRY=127.0.0.1:5000\n" in exports
    called = place.run(*place.dagger("core", "version"))
    assert (called.code, called.stdout.strip()) == (0, "v0.21.8"), called.stderr


def test_an_image_of_the_registry_runs(place: Site) -> None:
    place.up()
    called = place.run(*place.dagger(*CALL, "with-exec", "--args=echo,it runs", "stdout"))
    assert (called.code, called.stdout.strip()) == (0, "it runs"), called.stderr


def test_the_host_stays_as_it_is(place: Site) -> None:
    place.up()
    engine = place.status()["engine"]["pid"]
    inside = Path(f"/proc/{engine}/root")
    for name in ("/etc/dagger/engine.json", "/usr/bin/xtables-legacy-multi", "/etc/dnsmasq-resolv.conf"):
        assert os.path.lexists(f"{inside}{name}")
        assert not os.path.lexists(name)
    assert str(place.state) not in Path("/proc/self/mountinfo").read_text(encoding="utf-8")


def test_down_says_for_which_client_it_waits_and_keeps_the_cache(place: Site) -> None:
    place.up()
    stamp = ("with-exec", "--args=cat,/proc/sys/kernel/random/uuid", "stdout")
    first = place.run(*place.dagger(*CALL, *stamp)).stdout
    assert len(first.strip()) == 36
    client = place.start(*place.dagger(*CALL, "with-exec", "--args=sleep,120", "stdout"))
    connected = _wait_for_client(place)
    down = place.begin("down")
    said = "".join(lines_until(down, "engine: stopping for"))
    assert f"engine: still serves pid {connected}" in said
    assert f"waiting for pid {connected} (dagger core container" in said
    os.killpg(client.pid, signal.SIGTERM)
    ended(client)
    done = ended(down)
    assert done.code == 0, done.stderr
    assert "down: engine, forwarder, registry stopped" in done.stderr
    place.up()
    assert place.run(*place.dagger(*CALL, *stamp)).stdout == first
    assert "unclean" not in place.log("engine")


def _wait_for_client(place: Site) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = re.search(r"pid (\d+) \(dagger core container", place.status()["engine"]["clients"])
        if found:
            return found[1]
    pytest.fail("no client connected within 60 s")


def test_down_leaves_nothing_in_the_network_and_a_second_one_finds_nothing(place: Site) -> None:
    place.up()
    pid = place.status()["engine"]["pid"]
    assert place.airgap("down").code == 0
    assert gone(pid)
    assert network.BRIDGE not in place.run("ip", "-o", "link").stdout
    for kind in ("legacy", "nft"):
        assert "CNI" not in place.run(f"/usr/sbin/iptables-{kind}-save").stdout
    again = place.airgap("down")
    assert (again.code, "down: nothing was running" in again.stderr) == (0, True)


def test_a_killed_engine_is_noticed_and_up_brings_it_back(place: Site) -> None:
    place.up()
    pid = place.status()["engine"]["pid"]
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    facts = place.status()
    assert not facts["engine"]["running"]
    assert "iptables" in facts["leftovers"]
    refused = place.airgap("env")
    assert (refused.code, refused.stdout) == (1, "false\n")
    assert refused.stderr.endswith(
        f"no Dagger engine at unix://{place.socket}\n  next: run python3 -m airgap up\n"
    )
    back = place.up()
    assert "engine: starting the engine" in back.stderr
    assert place.status()["engine"]["pid"] != pid
    assert place.run(*place.dagger("core", "version")).code == 0


def test_a_socket_that_was_deleted_is_noticed_and_up_makes_it_again(place: Site) -> None:
    place.up()
    place.socket.unlink()
    facts = place.status()
    assert (facts["engine"]["running"], facts["engine"]["answers"]) == (True, False)
    assert "does not answer: run python3 -m airgap up" in place.airgap("status").stdout
    place.up()
    assert place.status()["engine"]["answers"]


def test_a_call_without_an_engine_fails_at_once(place: Site) -> None:
    place.up()
    call = place.dagger("core", "version")
    exports = place.airgap("env").stdout
    assert place.airgap("down").code == 0
    called = place.run("sh", "-c", f'{exports} exec dagger "$@"', "sh", *call[4:])
    assert called.code == 1
    assert called.stderr == f"no Dagger engine at unix://{place.socket}: run python3 -m airgap up\n"


def test_a_record_of_a_process_that_is_another_one_counts_for_nothing(place: Site) -> None:
    place.up()
    assert place.airgap("down").code == 0
    bystander = identify(place.holder)
    assert bystander is not None
    record = f'{{"pid": {bystander.pid}, "started": {bystander.started - 1}, "boot": "{bystander.boot}"}}'
    (place.state / "engine.pid").write_text(record, encoding="utf-8")
    (place.state / "lock").write_text("999999999", encoding="utf-8")
    assert not place.status()["engine"]["running"]
    assert place.airgap("down").code == 0
    assert bystander.running()
    place.up()


def test_two_ups_at_once_do_it_once() -> None:
    with site(*ALL) as place:
        first = place.begin("up")
        lines_until(first, "registry: starting")
        second = ended(place.begin("up"))
        done = ended(first)
        assert (done.code, second.code) == (0, 0), done.stderr + second.stderr
        assert f"waiting for pid {first.pid} (" in second.stderr
        assert "up (nothing to do)" in second.stderr


def test_reset_removes_everything() -> None:
    with site(*ALL) as place:
        place.up()
        pids = [place.status()[name]["pid"] for name in ("engine", "registry", "forwarder")]
        refused = place.airgap("reset")
        assert refused.code == 1
        assert "run it with --yes" in refused.stderr
        assert place.status()["engine"]["running"]
        done = place.airgap("reset", "--yes")
        assert done.code == 0, done.stderr
        assert all(gone(pid) for pid in pids)
        assert not place.state.exists()
        again = place.airgap("reset", "--yes")
        assert (again.code, str(place.state) in again.stderr) == (0, True)
