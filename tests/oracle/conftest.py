"""The engine's client, as in the engine tests."""

from tests.engine.conftest import dagger

__all__ = ["dagger"]
