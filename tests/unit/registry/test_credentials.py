"""The credentials of Docker's file, through the client, as the program in the container makes it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from ci.container_scripts.registry.access import endpoints
from ci.registry.client import Client
from tests.raised import raises
from tests.unit.registry.conftest import LIMITS
from tests.unit.registry.fake import Fake

if TYPE_CHECKING:
    from pathlib import Path

USER, PASSWORD = "robot", "secret"


def login(user: str = USER, password: str = PASSWORD) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def tags(fake: Fake, folder: Path, entry: dict[str, Any], *, host: str = "") -> tuple[str, ...]:
    """List a repository's tags with a credential file that has this entry for the registry."""
    file = folder / "config.json"
    file.write_text(json.dumps({"auths": {host or fake.host: entry, "other.example": login("x", "y")}}))
    request = {"host": fake.host, "plain_http": True, "credential_file": str(file)}
    with Client(endpoints([request]), LIMITS) as client:
        return client.tags(f"{fake.host}/team/web")


def test_a_password_in_the_file_opens(tmp_path: Path) -> None:
    with Fake(user=USER, password=PASSWORD, extra_tags=("1.0",)) as fake:
        assert tags(fake, tmp_path, login()) == ("1.0",)
        assert tags(fake, tmp_path, login(), host=f"https://{fake.host}/v1/") == ("1.0",)


def test_a_wrong_password_in_the_file_is_refused_by_the_registry(tmp_path: Path) -> None:
    with Fake(user=USER, password=PASSWORD) as fake, raises("registry.unauthorized", fake.host):
        tags(fake, tmp_path, login(password="other"))  # noqa: S106 - invented


def test_credentials_of_another_registry_are_not_sent(tmp_path: Path) -> None:
    with Fake(user=USER, password=PASSWORD) as fake:
        with raises("registry.unauthorized", fake.host):
            tags(fake, tmp_path, login(), host="r.example")
        assert not any(given.startswith("Basic") for given in fake.authorizations)


def test_an_identity_token_in_the_file_is_exchanged(tmp_path: Path) -> None:
    # As `az acr login` and Docker with a token service leave it: no password, and a name that is none.
    with Fake(user=USER, password=PASSWORD, refresh_token="renew", extra_tags=("1.0",)) as fake:  # noqa: S106
        assert tags(fake, tmp_path, {**login("<token>", ""), "identitytoken": "renew"}) == ("1.0",)
