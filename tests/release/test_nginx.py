"""A real nginx with its default limits before a real registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.release import sets, soak
from tests.release.nginx import nginx

if TYPE_CHECKING:
    from pathlib import Path

    from tests.release.registry import Registry


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sets.Set:
    """Images whose layers are larger than what nginx takes."""
    monkeypatch.setattr(sets, "BASE_SIZE", 12_000_000)
    monkeypatch.setattr(sets, "OWN_SIZE", 1_500_000)
    return sets.make(tmp_path / "v1")


@pytest.mark.parametrize("more", ["", "proxy_request_buffering off;"])
def test_layers_larger_than_its_limit_are_pushed(
    more: str, registry: Registry, large: sets.Set, tmp_path: Path
) -> None:
    with nginx(registry.port, tmp_path / "nginx", more) as port:
        run = sets.run(large.request(f"127.0.0.1:{port}"), tmp_path / "run")
    assert (run.code, run.error) == (0, "")
    sets.assert_released(registry, large)


def test_a_registry_that_is_down_behind_it_is_told_with_its_status(
    registry: Registry, release: sets.Set, tmp_path: Path
) -> None:
    with nginx(registry.port, tmp_path / "nginx") as port:
        registry.stop()
        run = sets.run(release.request(f"127.0.0.1:{port}"), tmp_path / "run")
        assert "the registry answered 502" in run.error
        registry.start()
        assert sets.run(release.request(f"127.0.0.1:{port}"), tmp_path / "run").code == 0
    sets.assert_released(registry, release)


@pytest.mark.long
def test_pushes_end_well_whatever_fails_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BASE_SIZE", "OWN_SIZE"):
        monkeypatch.setattr(sets, name, getattr(sets, name))
    assert soak.main(20, tmp_path / "soak") == 0
