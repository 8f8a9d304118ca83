"""Fixtures for tests on the engine that `make test` has started and set in the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.engine.client import Dagger
from tests.release.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def dagger() -> Dagger:
    """The client in the root of the repository."""
    if "_EXPERIMENTAL_DAGGER_RUNNER_HOST" not in os.environ and "CI_ENGINE_CHOSEN" not in os.environ:
        pytest.fail('no engine is chosen: run `make test`, or eval "$(python3 -m airgap env --auto)" first')
    return Dagger()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A real, empty registry without authentication, on this machine."""
    running = Registry(tmp_path / "registry").start()
    yield running
    running.stop()
