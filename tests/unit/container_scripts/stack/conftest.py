from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.container_scripts.stack import engine
from tests.unit.container_scripts.stack.fake_engine import FakeEngine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def fake_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """An engine at the place where the program looks for one."""
    with tempfile.TemporaryDirectory() as folder:  # a socket's path has to be short
        socket = Path(folder, "docker.sock")
        monkeypatch.setattr(engine, "SOCKET", str(socket))
        yield from FakeEngine(socket).serve()
