from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.release import keys as cosign_keys
from tests.release import sets
from tests.release.proxy import Proxy
from tests.release.registry import Registry, guarded_by_password

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.release.keys import Keys


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A real, empty registry without authentication."""
    running = Registry(tmp_path / "registry").start()
    yield running
    running.stop()


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Registry]:
    """A second empty registry, to promote to."""
    running = Registry(tmp_path / "target").start()
    yield running
    running.stop()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Registry]:
    """A registry that wants alice's password."""
    running = guarded_by_password(tmp_path / "guarded").start()
    yield running
    running.stop()


@pytest.fixture
def proxy(registry: Registry) -> Iterator[Proxy]:
    """The way to that registry on which things go wrong."""
    with Proxy(registry.port) as door:
        yield door


@pytest.fixture
def release(tmp_path: Path) -> sets.Set:
    """Five images of a release 1.2.3, ready to be pushed."""
    return sets.make(tmp_path / "v1")


@pytest.fixture(scope="module")
def keys(cosign: Path, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return cosign_keys.make(cosign, tmp_path_factory.mktemp("keys") / "ours")


@pytest.fixture(scope="module")
def other(cosign: Path, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return cosign_keys.make(cosign, tmp_path_factory.mktemp("keys") / "other")


@pytest.fixture
def signed(registry: Registry, release: sets.Set, keys: Keys, tmp_path: Path) -> sets.Set:
    """The five images, pushed and signed."""
    run = sets.run(release.request(registry.host, **keys.signing()), tmp_path / "push")
    assert (run.code, run.error) == (0, "")
    return release
