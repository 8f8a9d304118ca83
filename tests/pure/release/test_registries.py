from __future__ import annotations

import pytest

from ci.errors import PipelineError
from ci.release import registries
from ci.release.registries import Registry


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
    ("text", "said"),
    [
        ("https://team1.azurecr.io", r"a URL is no registry\nNext: write team1\.azurecr\.io"),
        ("Team1.azurecr.io", r"lower case\nNext: write team1\.azurecr\.io"),
        ("team.azurecr.io", r"'team\.azurecr\.io' is no login server"),
        ("my_team.azurecr.io", "is no host name"),
        ("a.b.azurecr.io", "no login server"),
        ("team1.eastus.data.azurecr.io", "no login server"),
        ("team1.azurecr.io:443", "no login server"),
        ("team1", r"could be a repository on Docker Hub as well\nNext: write team1\.azurecr\.io, team1:5000"),
        ("", "'' is no host name"),
        ("a b", "is no host name"),
        ("127.0.0.1:", "is no host name"),
        ("127.0.0.1:99999", "is no host name"),
        ("127.0.0.1:5000/", None),
        ("127.0.0.1:5000/a:1.0", "'a:1.0' cannot be part of a repository's name"),
        ("127.0.0.1:5000/a//b", "'' cannot be part"),
        ("127.0.0.1:5000/-a", "'-a' cannot be part"),
    ],
)
def test_another_form_is_refused_with_the_right_one(text: str, said: str | None) -> None:
    if said is None:
        assert registries.parse(text) == Registry("127.0.0.1:5000")
        return
    with pytest.raises(PipelineError, match=said):
        registries.parse(text)


def test_a_password_in_the_registry_is_refused_and_not_repeated() -> None:
    with pytest.raises(PipelineError, match="credentials") as caught:
        registries.parse("user:hunter2@team1.azurecr.io")
    assert "hunter2" not in str(caught.value)


def test_a_service_s_repository_is_lower_case_under_the_prefix() -> None:
    assert registries.parse("ghcr.io/owner").repository("Web_App.1") == "ghcr.io/owner/web_app.1"


@pytest.mark.parametrize("service", ["_web", "web-", "a..b"])
def test_a_service_that_no_repository_can_be_named_after_is_refused(service: str) -> None:
    with pytest.raises(PipelineError, match=f"service '{service}'"):
        Registry("ghcr.io").repository(service)


def test_two_services_in_one_repository_are_refused() -> None:
    with pytest.raises(PipelineError, match=r"'Web' and 'web' would both be pushed to ghcr\.io/web"):
        Registry("ghcr.io").repositories(["Web", "web"])


def test_no_service_at_all_is_refused() -> None:
    with pytest.raises(PipelineError, match="no image to push"):
        Registry("ghcr.io").repositories([])
