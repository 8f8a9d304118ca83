"""Two releases at the same time, in one registry that has no lock."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.release import sets
from tests.release.proxy import Hold
from tests.release.rules import nth

if TYPE_CHECKING:
    from pathlib import Path

    from tests.release.proxy import Proxy
    from tests.release.registry import Registry


def both(
    proxy: Proxy, first: sets.Set, second: sets.Set, tmp_path: Path, held_at: str
) -> tuple[sets.Run, sets.Run]:
    """Run two releases so that the second runs from start to end while the first is about to put a tag."""
    reached, until = threading.Event(), threading.Event()
    proxy.rule = nth(1, "PUT", f"/manifests/{held_at}", Hold(reached, until))
    process = sets.start(first.request(proxy.host), tmp_path / "first")
    try:
        assert reached.wait(60)
        late = sets.run(second.request(proxy.host), tmp_path / "second")
    finally:
        until.set()
    return sets.finish(process, tmp_path / "first"), late


@pytest.mark.parametrize(
    ("held_at", "why"),
    [("sha-", "version 1.2.3 is claimed by another"), ("1.2.3", "exist with another digest")],
)
def test_two_releases_of_one_version_at_once_do_not_mix(
    held_at: str, why: str, registry: Registry, proxy: Proxy, tmp_path: Path
) -> None:
    first = sets.make(tmp_path / "one")
    second = sets.make(tmp_path / "two", content="other")
    early, late = both(proxy, first, second, tmp_path, held_at)
    assert (early.code, early.error) == (0, "")
    assert late.code == sets.REFUSED
    assert why in late.error
    sets.assert_released(registry, first)
    sets.assert_complete(registry, first)
    # What came too late stays refused, now by the version itself.
    again = sets.run(second.request(proxy.host), tmp_path / "again")
    assert again.code == sets.REFUSED
    assert "tags.taken" in again.error


def test_a_release_that_claims_after_another_has_tagged_is_refused(
    registry: Registry, proxy: Proxy, tmp_path: Path
) -> None:
    first = sets.make(tmp_path / "one", services=("agent",))
    second = sets.make(tmp_path / "two", content="other", services=("agent",))
    early, late = both(proxy, first, second, tmp_path, "claim-")
    assert (late.code, late.error) == (0, "")
    assert early.code == sets.REFUSED
    assert "tags.taken" in early.error
    sets.assert_released(registry, second)
    sets.assert_complete(registry, second)


def test_a_release_free_of_any_order_with_another_never_mixes(registry: Registry, tmp_path: Path) -> None:
    one = sets.make(tmp_path / "one")
    two = sets.make(tmp_path / "two", content="other")
    started = [sets.start(it.request(registry.host), tmp_path / f"run{it.folder.name}") for it in (one, two)]
    runs = [
        sets.finish(process, tmp_path / f"run{it.folder.name}")
        for process, it in zip(started, (one, two), strict=True)
    ]
    won = [it for it, run in zip((one, two), runs, strict=True) if run.code == 0]
    assert len(won) <= 1
    digests = {
        tags["1.2.3"]
        for tags in (sets.release_tags(registry, service) for service in sets.SERVICES)
        if "1.2.3" in tags
    }
    assert digests <= {image.digest for it in won for image in it.images}


def test_an_older_release_that_is_slow_does_not_take_latest_from_a_newer(
    registry: Registry, proxy: Proxy, tmp_path: Path
) -> None:
    old = sets.make(tmp_path / "old", version="1.2.3", content="old")
    new = sets.make(tmp_path / "new", version="1.2.4", content="new")
    early, late = both(proxy, old, new, tmp_path, "latest")
    assert (early.code, early.error) == (0, "")
    assert (late.code, late.error) == (0, "")
    sets.assert_released(registry, new)
    sets.assert_released(registry, old, tags=old.fixed)
    assert early.outcome["images"][0]["held"] == {"1.2": "1.2.4", "1": "1.2.4", "latest": "1.2.4"}


def test_a_second_run_of_the_same_release_beside_the_first(
    registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    early, late = both(proxy, release, release, tmp_path, "1.2.3")
    assert (early.code, late.code) == (0, 0)
    sets.assert_released(registry, release)
