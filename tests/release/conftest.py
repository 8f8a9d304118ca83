from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.release import sets
from tests.release.proxy import Proxy
from tests.release.registry import Registry, guarded_by_password

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
