"""Settings from the environment: defaults and invalid values."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap import settings
from airgap.errors import AirgapError


def test_the_defaults_follow_xdg() -> None:
    plain = settings.from_environment({"HOME": "/home/someone"})
    assert plain.state == Path("/home/someone/.cache/dagger-airgap/v0.21.8")
    assert plain.runner_host == "unix:///run/dagger/engine.sock"
    assert plain.registry == "127.0.0.1:5000"
    assert plain.artifacts is None
    moved = settings.from_environment({"HOME": "/home/someone", "XDG_CACHE_HOME": "/srv/cache"})
    assert moved.state == Path("/srv/cache/dagger-airgap/v0.21.8")


def test_every_variable_is_in_the_help() -> None:
    for name in ("STATE", "REGISTRY_PORT", "SOCKET", "ARTIFACTS", "MIN_FREE_GB"):
        assert f"  AIRGAP_{name} " in settings.HELP


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRGAP_STATE", "relative/folder"),
        ("AIRGAP_STATE", "/with a space"),
        ("AIRGAP_STATE", "/with:colon"),
        ("AIRGAP_STATE", "/with,comma"),
        ("AIRGAP_ARTIFACTS", "~/somewhere"),
        ("XDG_CACHE_HOME", "cache"),
        ("AIRGAP_SOCKET", "/run/other.sock"),
        ("AIRGAP_REGISTRY_PORT", "0"),
        ("AIRGAP_REGISTRY_PORT", "65536"),
        ("AIRGAP_REGISTRY_PORT", "5000/tcp"),
        ("AIRGAP_REGISTRY_PORT", "\u0665\u0660\u0660\u0660"),
        ("AIRGAP_MIN_FREE_GB", "8GB"),
        ("AIRGAP_MIN_FREE_GB", "-1"),
        ("AIRGAP_MIN_FREE_GB", "nan"),
        ("AIRGAP_MIN_FREE_GB", "inf"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_variable(name: str, value: str) -> None:
    with pytest.raises(AirgapError) as caught:
        settings.from_environment({"HOME": "/root", name: value})
    assert name in caught.value.what
    assert value in caught.value.what
    assert caught.value.hint
