"""Where registries are, and their names in Docker's credential file."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ci.registry import hosts
from ci.registry.hosts import Endpoint
from tests.raised import raises

LOGIN = base64.b64encode(b"alice:x").decode()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("r.example/team/web", ("r.example", "team/web", "")),
        ("r.example:5000/web:1.2", ("r.example:5000", "web", "1.2")),
        ("[::1]:5000/web@sha256:00", ("[::1]:5000", "web", "sha256:00")),
        ("r.example/web:1.2@sha256:00", ("r.example", "web", "sha256:00")),
        ("docker.io/redis", ("docker.io", "library/redis", "")),
        ("docker.io/team/web", ("docker.io", "team/web", "")),
    ],
)
def test_a_reference_is_split(text: str, parts: tuple[str, str, str]) -> None:
    split = hosts.reference(text)
    assert (split.host, split.repository, split.target) == parts
    assert split.is_digest == split.target.startswith("sha256:")


def test_docker_hub_is_reached_and_logged_in_to_under_other_names() -> None:
    assert Endpoint("docker.io").reached_at == "registry-1.docker.io"
    assert hosts.credential_key("docker.io") == "https://index.docker.io/v1/"
    assert hosts.credential_key("ghcr.io") == "ghcr.io"


def test_an_address_goes_before_the_name() -> None:
    handed_in = Endpoint("127.0.0.1:5000", address="registry:5000")
    assert (handed_in.reached_at, handed_in.is_near) == ("registry:5000", True)
    assert not Endpoint("r.example").is_near


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.9.9.9:1", "[::1]:5000"])
def test_loopback_is_this_machine(host: str) -> None:
    assert hosts.is_loopback(host)


@pytest.mark.parametrize("host", ["[fd00::5]:5000", "10.0.0.5", "localhost.example", "r.example:5000"])
def test_any_other_address_is_another_machine(host: str) -> None:
    assert not hosts.is_loopback(host)


def test_docker_s_credential_file_is_read() -> None:
    login = base64.b64encode(b"alice:pass:word").decode()
    auths = {
        "https://index.docker.io/v1/": {"auth": login},
        "r.example": {"auth": base64.b64encode(b"<token>:").decode(), "identitytoken": "refresh"},
        "https://old.example": {"auth": login},
    }
    text = json.dumps({"auths": auths})
    hub = hosts.docker_credentials(text, "docker.io")
    assert hub == Endpoint("docker.io", username="alice", password="pass:word")  # noqa: S106 - invented
    azure = hosts.docker_credentials(text, "r.example")
    assert azure is not None
    assert azure.identity_token == "refresh"  # noqa: S105 - invented
    assert hosts.docker_credentials(text, "old.example") is not None
    assert hosts.docker_credentials(text, "other.example") is None


@pytest.mark.parametrize(
    "key", ["r.example", "https://r.example", "http://r.example/", "https://r.example/v1/", "r.example/v2/"]
)
def test_a_registry_s_entry_may_be_a_url(key: str) -> None:
    text = json.dumps({"auths": {"other.example": {}, key: {"auth": LOGIN}}})
    found = hosts.docker_credentials(text, "r.example")
    assert found == Endpoint("r.example", username="alice", password="x")  # noqa: S106 - invented


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "index.docker.io"])
@pytest.mark.parametrize("host", ["docker.io", "index.docker.io"])
def test_docker_hub_s_entry_has_its_old_name(key: str, host: str) -> None:
    found = hosts.docker_credentials(json.dumps({"auths": {key: {"auth": LOGIN}}}), host)
    assert found is not None
    assert found.username == "alice"


@pytest.mark.parametrize(
    ("host", "data"),
    [
        ("r.example", {"credHelpers": {"r.example": "ecr-login"}}),
        ("r.example", {"auths": {"r.example": {}}, "credsStore": "ecr-login"}),
        ("docker.io", {"auths": {"https://index.docker.io/v1/": {}}, "credsStore": "ecr-login"}),
        ("docker.io", {"credHelpers": {"index.docker.io": "ecr-login"}}),
    ],
)
def test_credentials_that_only_a_helper_has_are_an_error(host: str, data: dict[str, Any]) -> None:
    with raises("registry.credential-helper", host, "ecr-login", "cannot run in a container"):
        hosts.docker_credentials(json.dumps(data), host)


@pytest.mark.parametrize(
    "data",
    [
        {"credsStore": "desktop"},
        {"auths": {"docker.io": {}}, "credsStore": "desktop"},
        {"credHelpers": {"docker.io": "desktop"}},
        {"auths": None},
    ],
)
def test_a_helper_of_other_registries_is_nothing_to_this_one(data: dict[str, Any]) -> None:
    assert hosts.docker_credentials(json.dumps(data), "r.example") is None


def test_credentials_in_the_file_go_before_a_helper() -> None:
    text = json.dumps({"auths": {"r.example": {"auth": LOGIN}}, "credsStore": "desktop"})
    assert hosts.docker_credentials(text, "r.example") is not None


@pytest.mark.parametrize(
    "text", ["", "[]", '{"auths": {"r.example": {"auth": "?"}}}', '{"auths": {"r.example": 1}}']
)
def test_another_file_is_refused(text: str) -> None:
    with raises("registry.credential-file-invalid", "r.example"):
        hosts.docker_credentials(text, "r.example")
