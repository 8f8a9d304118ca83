"""What goes wrong between here and the registry, or in it.

After each: no tag points to anything but a complete set, and the same command
completes when the fault is gone.
"""

from __future__ import annotations

import itertools
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from tests.release import sets
from tests.release.proxy import Cut, Delay, Down, Hold, Silence, Status
from tests.release.rules import every, nth

if TYPE_CHECKING:
    from pathlib import Path

    from tests.release.proxy import Fault, Proxy, Request
    from tests.release.registry import Registry

PUSHED = "/manifests/sha256:"
TOO_MANY = '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}'


def assert_rerun_completes(registry: Registry, proxy: Proxy, release: sets.Set, folder: Path) -> None:
    sets.assert_complete(registry, release)
    proxy.rule = lambda _request: None
    run = sets.run(release.request(proxy.host), folder)
    assert (run.code, run.error) == (0, "")
    sets.assert_released(registry, release)
    sets.assert_complete(registry, release)


def test_registry_down_before(registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path) -> None:
    proxy.down()
    run = sets.run(release.request(proxy.host), tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "registry.unreachable" in run.error
    assert "trying again in 0.05 s (1 of 1)" in run.said
    proxy.up()
    sets.assert_untagged(registry)
    assert_rerun_completes(registry, proxy, release, tmp_path / "run")


def test_registry_down_during_the_third_push(
    registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    def arrived() -> int:
        return sum(bool(registry.digest(f"shop/{it.service}", it.digest)) for it in release.images)

    proxy.rule = nth(3, "PUT", PUSHED, Down(once=lambda: arrived() >= 2))
    run = sets.run(release.request(proxy.host), tmp_path / "run")
    assert run.code == sets.REFUSED
    proxy.up()
    sets.assert_untagged(registry)
    # Those on their way at that moment may arrive as well.
    assert arrived() in {2, 3, 4}
    assert_rerun_completes(registry, proxy, release, tmp_path / "run")


def test_registry_down_while_attaching(
    registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    proxy.rule = nth(2, "PUT", "/manifests/sha256-", Down())
    assert sets.run(release.request(proxy.host), tmp_path / "run").code == sets.REFUSED
    proxy.up()
    sets.assert_untagged(registry)
    assert_rerun_completes(registry, proxy, release, tmp_path / "run")


@pytest.mark.parametrize("where", ["sha- 2", "claim- 3", "1.2.3 1", "1.2.3 3", "latest 2"])
def test_registry_down_during_tagging(
    where: str, registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    tag, number = where.split()
    proxy.rule = nth(int(number), "PUT", f"/manifests/{tag}", Down())
    run = sets.run(release.request(proxy.host), tmp_path / "run")
    assert run.code == sets.REFUSED
    if tag != "claim-":
        assert "registry.tagging-interrupted" in run.error
        assert "every image of the set is complete under its digest" in run.error
        assert "the same command continues from here" in run.error
    if tag == "latest":
        assert "tagged: agent:sha-" in run.error
        assert "research:1," not in run.error.partition("left or not known: ")[2]
    proxy.up()
    assert_rerun_completes(registry, proxy, release, tmp_path / "run")


def test_the_registry_s_process_dies_and_comes_back(
    registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    def die(request: Request) -> Fault:
        if request.is_a("PUT", "/manifests/1.2.3"):
            registry.stop()
        return None

    proxy.rule = die
    assert sets.run(release.request(proxy.host), tmp_path / "run").code == sets.REFUSED
    registry.start()
    assert_rerun_completes(registry, proxy, release, tmp_path / "run")


def test_the_registry_is_back_within_the_retries(
    registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    def restart(request: Request) -> Fault:
        if request.is_a("PUT", PUSHED):
            proxy.rule = lambda _request: None
            registry.stop()
            threading.Timer(4.0, registry.start).start()
        return None

    proxy.rule = restart
    run = sets.run(release.request(proxy.host, limits={}), tmp_path / "run")
    assert (run.code, run.error) == (0, "")
    assert "trying again" in run.said
    sets.assert_released(registry, release)


def test_a_slow_registry_is_waited_for(
    registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    proxy.rule = lambda _request: Delay(0.15)
    run = sets.run(release.request(proxy.host), tmp_path / "run")
    assert (run.code, run.error) == (0, "")
    sets.assert_released(registry, release)


@pytest.mark.parametrize("part", ["/tags/list", "/blobs/uploads/", "/manifests/1.2.3"])
def test_a_silent_registry_is_not_waited_for_without_end(
    part: str, registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    proxy.rule = lambda request: Silence() if part in request.path and request.method != "HEAD" else None
    run = sets.run(release.request(proxy.host, limits={"seconds": 3, "pace": 0.1}), tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "registry.timeout" in run.error
    assert "(1 of 1)" in run.said
    assert_rerun_completes(registry, proxy, release, tmp_path / "run")


def test_too_many_requests_for_long_is_an_error(
    registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    proxy.rule = every("PUT", PUSHED, Status(429, TOO_MANY))
    run = sets.run(release.request(proxy.host, limits={"pace": 0.1}), tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "registry.unavailable" in run.error
    assert "answered 429" in run.error
    assert "slow down" in run.error
    assert "(5 of 5)" in run.said
    sets.assert_untagged(registry)
    assert_rerun_completes(registry, proxy, release, tmp_path / "run")


def test_too_many_requests_for_a_while_is_waited_for_and_said(
    registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    count = itertools.count()
    proxy.rule = lambda request: (
        Status(429, TOO_MANY) if request.is_a("PUT", "/agent/manifests/1.2.3") and next(count) < 5 else None
    )
    run = sets.run(release.request(proxy.host, limits={"pace": 0.1}), tmp_path / "run")
    assert (run.code, run.error) == (0, "")
    sets.assert_released(registry, release)
    assert "the registry answered 429; trying again in" in run.said


@pytest.mark.parametrize("part", ["/blobs/uploads/", PUSHED, "/manifests/latest", "/tags/list"])
def test_a_500_once_is_no_matter(
    part: str, registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    count = itertools.count()
    proxy.rule = lambda request: (
        Status(500) if part in request.path and request.method != "HEAD" and next(count) == 0 else None
    )
    run = sets.run(release.request(proxy.host), tmp_path / "run")
    assert (run.code, run.error) == (0, "")
    sets.assert_released(registry, release)


def test_a_connection_cut_in_a_layer_once(
    registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    cut: list[Request] = []

    def once(request: Request) -> Fault:
        if request.size == sets.BASE_SIZE and not cut:
            cut.append(request)
            return Cut(sets.BASE_SIZE // 2)
        return None

    proxy.rule = once
    run = sets.run(release.request(proxy.host), tmp_path / "run")
    assert (run.code, run.error) == (0, "")
    assert cut
    sets.assert_released(registry, release)


def test_a_connection_cut_in_every_layer(
    registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    proxy.rule = lambda request: (
        Cut(10_000) if "/blobs/uploads/" in request.path and request.size > 50_000 else None
    )
    run = sets.run(release.request(proxy.host), tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "registry.unreachable" in run.error
    sets.assert_untagged(registry)
    assert_rerun_completes(registry, proxy, release, tmp_path / "run")


@pytest.mark.parametrize("tag", ["sha-", "1.2.3", "latest"])
def test_the_program_is_killed_while_it_tags(
    tag: str, registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    reached, until = threading.Event(), threading.Event()
    proxy.rule = nth(2, "PUT", f"/manifests/{tag}", Hold(reached, until))
    process = sets.start(release.request(proxy.host), tmp_path / "run")
    assert reached.wait(60)
    sets.kill(process)
    assert sets.finish(process, tmp_path / "run").code == -signal.SIGKILL
    until.set()
    proxy.wait_idle()
    assert_rerun_completes(registry, proxy, release, tmp_path / "again")


def test_everything_is_written_before_the_kill_test_s_hold_is_used(proxy: Proxy) -> None:
    """The proxy's own promise: a held request is not forwarded before it is let go."""
    reached, until = threading.Event(), threading.Event()
    proxy.rule = lambda _request: Hold(reached, until)
    ask = subprocess.Popen(
        ["python3", "-c", f"import urllib.request; urllib.request.urlopen('http://{proxy.host}/v2/')"]
    )
    try:
        assert reached.wait(10)
        assert ask.poll() is None
        until.set()
        assert ask.wait(10) == 0
    finally:
        ask.kill()
