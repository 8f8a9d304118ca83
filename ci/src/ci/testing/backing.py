"""Services that run next to unit tests, such as databases."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["BACKING", "Backing"]


@dataclass(frozen=True)
class Backing:
    """A service that runs next to unit tests if their service depends on its image.

    `url` is the value of the variable; `{host}` is the host name of the service.
    """

    variable: str
    url: str
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0


BACKING = {
    "redis": Backing("TEST_REDIS_URL", "redis://{host}:6379/0", port=6379),
    "postgres": Backing(
        "TEST_DATABASE_URL",
        "postgresql+asyncpg://postgres:postgres@{host}:5432/postgres",
        {"POSTGRES_PASSWORD": "postgres"},
        port=5432,
    ),
}
