"""What the tests of airgap share."""

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
    """A place where everything is built; a module's tests share it, each brings it where it wants it."""
    with site(*ALL) as place:
        yield place
