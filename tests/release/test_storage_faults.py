"""What goes wrong in the registry's storage: read-only, full, and entries that it cannot read."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.release import sets
from tests.release.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_a_read_only_registry(release: sets.Set, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry", read_only=True).start()
    try:
        run = sets.run(release.request(registry.host), tmp_path / "run")
        assert run.code == sets.REFUSED
        assert "registry.read-only" in run.error
        assert "trying again" not in run.said
        registry.stop()
        registry.read_only = False
        registry.start()
        sets.assert_untagged(registry)
        assert sets.run(release.request(registry.host), tmp_path / "run").code == 0
        sets.assert_released(registry, release)
    finally:
        registry.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Registry]:
    """A registry with 1 MB of disk, in a mount namespace of its own."""
    if os.geteuid() != 0:
        msg = "this test mounts a small tmpfs: run it as root"
        raise RuntimeError(msg)
    running = Registry(tmp_path / "registry", disk="1m").start()
    yield running
    running.stop()


def test_a_full_disk(small_disk: Registry, release: sets.Set, tmp_path: Path) -> None:
    big = sets.make(tmp_path / "big", version="9.0.0", content="big", services=("agent",))
    fill = sets.make(tmp_path / "fill", version="", content="fill", services=("research",))
    assert sets.run(fill.request(small_disk.host), tmp_path / "run").code == 0
    run = sets.run(release.request(small_disk.host), tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "registry.full" in run.error
    sets.assert_complete(small_disk, fill)
    small_disk.resize_disk("64m")
    for wanted in (release, big):
        assert sets.run(wanted.request(small_disk.host), tmp_path / "run").code == 0
        sets.assert_released(small_disk, wanted)


@pytest.mark.parametrize("broken", ["own layer", "shared layer", "config", "manifest"])
def test_what_the_registry_cannot_read_is_sent_again(
    broken: str, registry: Registry, release: sets.Set, tmp_path: Path
) -> None:
    """A full disk leaves entries that are empty files: the registry answers 500 for them."""
    assert sets.run(release.request(registry.host), tmp_path / "run").code == 0
    image = release.images[0]
    repository = registry.folder / f"data/docker/registry/v2/repositories/shop/{image.service}"
    shutil.rmtree(repository / "_manifests/tags")
    if broken == "manifest":
        entry = repository / "_manifests/revisions/sha256" / image.digest.removeprefix("sha256:")
    else:
        shutil.rmtree(repository / "_manifests")
        shared, own = (layer["digest"] for layer in image.layers)
        digest = {"own layer": own, "shared layer": shared, "config": next(iter(image.blobs))}[broken]
        entry = repository / "_layers/sha256" / digest.removeprefix("sha256:")
    (entry / "link").write_bytes(b"")
    run = sets.run(release.request(registry.host), tmp_path / "run")
    assert (run.code, run.error) == (0, "")
    assert "the registry cannot read it; it is sent again" in run.said
    sets.assert_released(registry, release)


def test_a_layer_that_a_tag_needs_and_the_registry_cannot_read_is_sent_again(
    registry: Registry, tmp_path: Path
) -> None:
    first = sets.make(tmp_path / "one", version="", created="2026-03-01T10:00:00Z")
    assert sets.run(first.request(registry.host), tmp_path / "run").code == 0
    image = first.images[0]
    layers = registry.folder / f"data/docker/registry/v2/repositories/shop/{image.service}/_layers/sha256"
    (layers / image.layers[0]["digest"].removeprefix("sha256:") / "link").write_bytes(b"")
    second = sets.make(tmp_path / "two", version="", created="2026-03-02T10:00:00Z")
    run = sets.run(second.request(registry.host), tmp_path / "run")
    assert (run.code, run.error) == (0, "")
    sets.assert_released(registry, second)
