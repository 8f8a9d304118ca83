from __future__ import annotations

import base64
import json
from typing import Any
from unittest import mock

import anyio
import dagger
import pytest

from ci.release import registries
from ci.release.container import RegistryAccess
from tests.raised import raises
from tests.unit.release.secrets import EMPTY, NONE, SECRET

SERVICE = mock.create_autospec(dagger.Service, instance=True)
TEAM, LOOPBACK = registries.parse("ghcr.io/team"), registries.parse("127.0.0.1:5000")


@pytest.mark.parametrize(
    "access",
    [RegistryAccess(TEAM), RegistryAccess(TEAM, "alice", SECRET), RegistryAccess(LOOPBACK, service=SERVICE)],
)
def test_what_can_work_is_let_through(access: RegistryAccess) -> None:
    anyio.run(access.check, "registry")


def config(host: str) -> Any:  # noqa: ANN401 - a stand-in
    """Return Docker's config.json with credentials for a registry."""
    made = mock.create_autospec(dagger.Secret, instance=True)
    login = base64.b64encode(b"alice:x").decode()
    made.plaintext.return_value = json.dumps({"auths": {host: {"auth": login}}})
    return made


def test_credentials_are_taken_from_the_file_that_has_the_registry() -> None:
    file = config("ghcr.io")
    assert anyio.run(RegistryAccess(TEAM).with_file, file).docker_config is file
    assert anyio.run(RegistryAccess(TEAM).with_file, config("other.example")).docker_config is None
    assert anyio.run(RegistryAccess(TEAM).with_file, None).docker_config is None


def test_explicit_credentials_go_before_the_file() -> None:
    explicit = RegistryAccess(TEAM, "bob", SECRET)
    assert anyio.run(explicit.with_file, config("ghcr.io")) == explicit
    unreadable = mock.create_autospec(dagger.Secret, instance=True)
    unreadable.plaintext.return_value = "no JSON"
    assert anyio.run(explicit.with_file, unreadable) == explicit
    with raises("registry.credential-file-invalid", "--docker-config", "ghcr.io"):
        anyio.run(RegistryAccess(TEAM).with_file, unreadable)


@pytest.mark.parametrize(
    ("code", "access", "text"),
    [
        ("registry.credentials-incomplete", RegistryAccess(TEAM, "alice"), "ghcr.io/team: --password is"),
        ("registry.credentials-incomplete", RegistryAccess(TEAM, "", SECRET), "--username is missing"),
        ("registry.password-empty", RegistryAccess(TEAM, "alice", EMPTY), "ghcr.io/team"),
        (
            "registry.password-empty",
            RegistryAccess(TEAM, "alice", NONE),
            "--password env:VARIABLE.*, never its value",
        ),
        ("registry.loopback-unreachable", RegistryAccess(LOOPBACK), r"--service tcp://127\.0\.0\.1:5000"),
    ],
)
@pytest.mark.parametrize("function", ["registry", "with-target"])
def test_what_cannot_work_is_refused_before_building(
    function: str, code: str, access: RegistryAccess, text: str
) -> None:
    with raises(code, match=rf"(?s){function} --address \S*.*{text}"):
        anyio.run(access.check, function)
