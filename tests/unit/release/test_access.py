from __future__ import annotations

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
