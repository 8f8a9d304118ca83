from __future__ import annotations

import pytest

from ci.release import registries
from ci.release.registries import Registry
from tests.raised import raises


@pytest.mark.parametrize(
    ("text", "host", "prefix", "plain_http"),
    [
        ("team1.azurecr.io", "team1.azurecr.io", "", False),
        ("team1.azurecr.io/shop/web", "team1.azurecr.io", "shop/web", False),
        ("team1-g6c3d8bwbkhkagab.azurecr.io", "team1-g6c3d8bwbkhkagab.azurecr.io", "", False),
        ("team1.azurecr.cn", "team1.azurecr.cn", "", False),
        ("ghcr.io/owner", "ghcr.io", "owner", False),
        ("docker.io/team", "docker.io", "team", False),
        ("127.0.0.1:5000", "127.0.0.1:5000", "", True),
        ("localhost", "localhost", "", True),
        ("localhost:5000/a", "localhost:5000", "a", True),
        ("registry:5000", "registry:5000", "", False),
        ("registry.example.com:8443/a_b/c--d", "registry.example.com:8443", "a_b/c--d", False),
    ],
)
def test_a_registry_is_read(text: str, host: str, prefix: str, plain_http: bool) -> None:  # noqa: FBT001 - a table's column
    registry = registries.parse(text)
    assert (registry.host, registry.prefix) == (host, prefix)
    assert registry.plain_http is plain_http


@pytest.mark.parametrize(
    ("text", "code", "values"),
    [
        ("https://team1.azurecr.io", "registry.name-is-url", ["write team1.azurecr.io"]),
        ("Team1.azurecr.io", "registry.name-upper-case", ["write team1.azurecr.io"]),
        ("team.azurecr.io", "registry.azure-name-invalid", ["'team.azurecr.io'"]),
        ("my_team.azurecr.io", "registry.host-invalid", []),
        ("a.b.azurecr.io", "registry.azure-name-invalid", []),
        ("team1.eastus.data.azurecr.io", "registry.azure-name-invalid", []),
        ("team1.azurecr.io:443", "registry.azure-name-invalid", []),
        ("team1", "registry.host-ambiguous", ["write team1.azurecr.io, team1:5000"]),
        ("", "registry.host-invalid", ["''"]),
        ("a b", "registry.host-invalid", []),
        ("127.0.0.1:", "registry.host-invalid", []),
        ("127.0.0.1:99999", "registry.host-invalid", []),
        ("127.0.0.1:5000/a:1.0", "registry.prefix-invalid", ["'a:1.0'"]),
        ("127.0.0.1:5000/a//b", "registry.prefix-invalid", ["''"]),
        ("127.0.0.1:5000/-a", "registry.prefix-invalid", ["'-a'"]),
    ],
)
def test_another_form_is_refused_with_the_right_one(text: str, code: str, values: list[str]) -> None:
    with raises(code, *values):
        registries.parse(text)


def test_a_slash_at_the_end_is_no_prefix() -> None:
    assert registries.parse("127.0.0.1:5000/") == Registry("127.0.0.1:5000")


def test_a_password_in_the_registry_is_refused_and_not_repeated() -> None:
    with raises("registry.name-has-at-sign") as caught:
        registries.parse("user:hunter2@team1.azurecr.io")
    assert "hunter2" not in str(caught.value)


def test_a_service_s_repository_is_lower_case_under_the_prefix() -> None:
    assert registries.parse("ghcr.io/owner").repository("Web_App.1") == "ghcr.io/owner/web_app.1"


@pytest.mark.parametrize("service", ["_web", "web-", "a..b"])
def test_a_service_that_no_repository_can_be_named_after_is_refused(service: str) -> None:
    with raises("registry.service-name-invalid", match=f"service '{service}'"):
        Registry("ghcr.io").repository(service)


def test_two_services_in_one_repository_are_refused() -> None:
    with raises("registry.repository-shared", match=r"'Web' and 'web' would both be pushed to ghcr\.io/web"):
        Registry("ghcr.io").repositories(["Web", "web"])


def test_no_service_at_all_is_refused() -> None:
    with raises("registry.no-images"):
        Registry("ghcr.io").repositories([])


@pytest.mark.parametrize("text", ["[::1]:5000", "[fd00::5]:5000/team", "[fd00::5]"])
def test_an_ipv6_address_is_a_host(text: str) -> None:
    registry = registries.parse(text)
    assert str(registry) == text
    assert registry.plain_http is text.startswith("[::1]")


@pytest.mark.parametrize(
    "text", ["::1", "fd00::5/team", "[fd00::5", "[fd00::5::1]:5000", "[12]:5000", "[::1]:99999"]
)
def test_another_writing_of_one_is_refused(text: str) -> None:
    with raises("registry.host-invalid", "[::1]:5000"):
        registries.parse(text)
