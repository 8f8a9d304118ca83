"""Log in to a registry with Docker's credential file, without a user name and password."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.release.registry import PASSWORD, Registry, guarded_by_password

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.client import Called, Dagger

pytestmark = [pytest.mark.engine, pytest.mark.docker_path]
LOGIN = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Registry]:
    registry = guarded_by_password(tmp_path / "registry").start()
    yield registry
    registry.stop()


def manifest(dagger: Dagger, guarded: Registry, folder: Path, config: dict[str, Any], *more: str) -> Called:
    """Read a release that is not there: what the registry answers shows who asked."""
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    address = ("--address", f"{guarded.host}/shop", "--service", f"tcp://{guarded.host}")
    words = ("registry", *address, *more, "manifest", "--version", "1.2.3")
    return dagger.call("--docker-config", f"file:{file}", *words)


def test_the_file_s_credentials_are_used(dagger: Dagger, guarded: Registry, tmp_path: Path) -> None:
    called = manifest(dagger, guarded, tmp_path, {"auths": {guarded.host: {"auth": LOGIN}}})
    assert "Code: registry.release-image-missing" in called.error
    assert PASSWORD not in called.stdout + called.stderr
    other = manifest(dagger, guarded, tmp_path, {"auths": {"r.example": {"auth": LOGIN}}})
    assert "Code: registry.unauthorized" in other.error


def test_explicit_credentials_go_before_the_file_s(dagger: Dagger, guarded: Registry, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong")
    explicit = ("--username", "alice", "--password", f"file:{tmp_path / 'password'}")
    called = manifest(dagger, guarded, tmp_path, {"auths": {guarded.host: {"auth": LOGIN}}}, *explicit)
    assert "Code: registry.unauthorized" in called.error


def test_a_credential_helper_is_an_error(dagger: Dagger, guarded: Registry, tmp_path: Path) -> None:
    called = manifest(dagger, guarded, tmp_path, {"credHelpers": {guarded.host: "ecr-login"}})
    assert "Code: registry.credential-helper" in called.error
    assert "ecr-login" in called.error
