from __future__ import annotations

from unittest import mock

import anyio
import dagger
import pytest

from ci.release.signing import Signing, by_public_key, signing
from ci.workspace import Workspace
from tests.raised import raises
from tests.unit.release.secrets import EMPTY, NONE, SECRET

REFUSED = dagger.QueryError.__new__(dagger.QueryError, [])
REFUSED.errors = [mock.Mock(__str__=lambda _: "no such image")]
BUILDER = mock.create_autospec(Workspace, instance=True)


def test_without_a_key_nothing_is_signed_and_nothing_checked() -> None:
    assert anyio.run(signing, BUILDER, None, None) == Signing()
    assert anyio.run(by_public_key, BUILDER, None) == Signing()
    assert BUILDER.tool.call_count == 0
    BUILDER.tool.return_value.file.return_value.sync = mock.AsyncMock(side_effect=REFUSED)
    with raises("signing.cosign-unavailable"):
        anyio.run(signing, BUILDER, SECRET, None)
    assert BUILDER.tool.call_count == 1


@pytest.mark.parametrize(
    ("code", "key", "password", "text"),
    [
        ("signing.key-missing", None, SECRET, "--sign-password is given without --sign-key"),
        ("signing.secret-empty", NONE, SECRET, "give --sign-key env:VARIABLE or file:PATH, never its value"),
        ("signing.secret-empty", EMPTY, None, "--sign-key: it is empty"),
        (
            "signing.secret-empty",
            SECRET,
            NONE,
            "give --sign-password env:VARIABLE or file:PATH, never its value",
        ),
    ],
)
def test_what_is_no_secret_is_refused(
    code: str, key: dagger.Secret | None, password: dagger.Secret | None, text: str
) -> None:
    with raises(code, match=text):
        anyio.run(signing, BUILDER, key, password)
