"""Fixtures for the tests of airgap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airgap.state import State
from tests.airgap.site import ALL, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.airgap.site import Site


@pytest.fixture
def state(tmp_path: Path) -> State:
    """An empty state folder."""
    state = State(tmp_path / "state")
    state.prepare()
    return state


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    """A site where everything is built, shared by the tests of a module."""
    with site(*ALL) as place:
        yield place
