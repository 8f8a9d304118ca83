"""The engine's client, as the engine's own tests have it."""

from tests.engine.conftest import dagger

__all__ = ["dagger"]
