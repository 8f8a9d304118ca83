from __future__ import annotations

from unittest import mock

import anyio
import dagger
import pytest

from ci.release import registries
from ci.release.container import RegistryAccess
from tests.raised import raises

SECRET = mock.create_autospec(dagger.Secret, instance=True)
SECRET.plaintext.return_value = "x"
EMPTY = mock.create_autospec(dagger.Secret, instance=True)
EMPTY.plaintext.return_value = "\n"
NONE = mock.create_autospec(dagger.Secret, instance=True)
NONE.plaintext.side_effect = dagger.QueryError.__new__(dagger.QueryError, [])
SERVICE = mock.create_autospec(dagger.Service, instance=True)


@pytest.mark.parametrize(
    "access",
    [
        RegistryAccess(registries.parse("ghcr.io/team")),
        RegistryAccess(registries.parse("ghcr.io/team"), "alice", SECRET),
        RegistryAccess(registries.parse("127.0.0.1:5000"), service=SERVICE),
    ],
)
def test_what_can_work_is_let_through(access: RegistryAccess) -> None:
    anyio.run(access.check, "--registry")


@pytest.mark.parametrize(
    ("code", "access", "text"),
    [
        (
            "registry.credentials-incomplete",
            RegistryAccess(registries.parse("ghcr.io/team"), "alice"),
            "--from ghcr.io/team: --from-password is",
        ),
        (
            "registry.credentials-incomplete",
            RegistryAccess(registries.parse("ghcr.io/team"), "", SECRET),
            "--from-username is missing",
        ),
        (
            "registry.password-empty",
            RegistryAccess(registries.parse("ghcr.io/team"), "alice", EMPTY),
            "the password is empty",
        ),
        (
            "registry.password-empty",
            RegistryAccess(registries.parse("ghcr.io/team"), "alice", NONE),
            "--from-password env:VARIABLE.*, never its value",
        ),
        (
            "registry.loopback-unreachable",
            RegistryAccess(registries.parse("127.0.0.1:5000")),
            r"its own(.|\n)*--from-service tcp://127\.0\.0\.1:5000",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_building(code: str, access: RegistryAccess, text: str) -> None:
    with raises(code, match=text):
        anyio.run(access.check, "--from")


def test_options_that_begin_otherwise_are_named_so() -> None:
    with raises("registry.credentials-incomplete", match=r"--promote-to \S+: --promote-password is missing"):
        anyio.run(
            RegistryAccess(registries.parse("ghcr.io/team"), "alice").check, "--promote-to", "--promote"
        )
    with raises("registry.loopback-unreachable", match="--promote-service tcp"):
        anyio.run(RegistryAccess(registries.parse("127.0.0.1:5000")).check, "--promote-to", "--promote")
    with raises("registry.credentials-incomplete", match=r"--registry \S+: --password is missing"):
        anyio.run(RegistryAccess(registries.parse("ghcr.io/team"), "alice").check, "--registry")
