from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ci.registry.client import Client
from ci.registry.hosts import Endpoint
from ci.registry.retrying import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.registry.fake import Fake

LIMITS = Limits(seconds=5.0, pace=0.01)


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Connect a client to a fake registry."""
    made: list[Client] = []

    def make(fake: Fake, limits: Limits = LIMITS, **options: Any) -> Client:  # noqa: ANN401 - Endpoint's fields
        options = {"plain_http": True, **options}
        made.append(Client([Endpoint(fake.host, **options)], limits))
        return made[-1]

    yield make
    for client in made:
        client.__exit__(None, None, None)
