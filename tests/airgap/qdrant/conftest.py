"""A running stand-in of Qdrant, for the tests of a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.airgap.qdrant.server import DAY, VECTORS, Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("storage"))
    yield running
    assert running.end() == 0


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """The shared server with no collections."""
    yield shared
    for each in shared.call("GET", "/collections")["collections"]:
        assert shared.call("DELETE", f"/collections/{each['name']}") is True


@pytest.fixture
def filled(server: Server) -> Server:
    """The shared server with collection `c` of three points."""
    server.call("PUT", "/collections/c", VECTORS)
    points = [
        {
            "id": 1,
            "vector": [1, 0],
            "payload": {"tenant": "a", "n": 1, "tags": ["x", "y"], "day": DAY.format(1)},
        },
        {"id": 2, "vector": [2, 0], "payload": {"tenant": "a", "n": 2, "tags": ["y"], "day": DAY.format(2)}},
        {"id": 3, "vector": [3, 1], "payload": {"tenant": "b", "n": 3, "day": DAY.format(3)}},
    ]
    server.call("PUT", "/collections/c/points?wait=true", {"points": points})
    return server
