"""References of the layer cache: one for each service, branch, platform and version of the sandbox."""

from __future__ import annotations

import re
from itertools import product

import pytest

from ci.layer_cache import CacheOptions, LayerCache, choose
from tests.raised import raises

REPOSITORY = "myteam.azurecr.io/shop/cache"
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)


def cache(branch: str = "main", *, platform: str = "linux/amd64", version: str = "1") -> LayerCache:
    return LayerCache(REPOSITORY, branch, "main", platform, version)


def chosen(options: CacheOptions, setting: str = "", default_branch: str = "main") -> LayerCache | None:
    return choose(options, setting, default_branch, place=".ci.toml: ", platform="linux/amd64", version="1")


def test_a_branch_reads_its_own_reference_first_and_the_default_branchs() -> None:
    own, default = cache("feature/x").sources("web")
    assert own == cache("feature/x").destination("web")
    assert [default] == cache().sources("web")
    assert default == cache().destination("web")


NAMES = ["a", "a-b", "b", "b-a", "A", "a.b", "a_b", "a/b", "a b", "-", "..", "é", "x" * 200, "x" * 201]


def test_no_two_services_branches_platforms_or_versions_have_the_same_reference() -> None:
    references = [
        cache(branch, platform=platform, version=version).destination(service)
        for service, branch, platform, version in product(
            NAMES, NAMES, ("linux/amd64", "linux/arm64"), ("1", "2")
        )
    ]
    assert len(set(references)) == len(references) == len(NAMES) ** 2 * 4


def test_references_are_such_that_registries_accept() -> None:
    for service, branch in product(NAMES, NAMES):
        repository, _, tag = cache(branch).destination(service).partition(":")
        assert repository == REPOSITORY
        assert TAG.fullmatch(tag), (service, branch)


def test_the_reference_shows_service_and_branch() -> None:
    assert cache("feature/Pay").destination("web").startswith(f"{REPOSITORY}:web-feature-Pay-")


def test_without_a_repository_there_is_no_cache() -> None:
    assert chosen(CacheOptions()) is None
    assert chosen(CacheOptions(branch="x")) is None


def test_the_option_is_used_before_the_setting() -> None:
    setting = ("ghcr.io/team/cache", "trunk")
    found, other = chosen(CacheOptions(), *setting), chosen(CacheOptions(REPOSITORY, "x"), *setting)
    assert found
    assert other
    assert (found.repository, found.branch, found.write) == ("ghcr.io/team/cache", "trunk", False)
    assert (other.repository, other.branch, other.default_branch) == (REPOSITORY, "x", "trunk")


def test_a_branch_may_be_written_as_a_ref() -> None:
    plain, ref = (chosen(CacheOptions(REPOSITORY, name)) for name in ("a/b", "refs/heads/a/b"))
    assert plain == ref


@pytest.mark.parametrize(
    "text",
    [
        "myteam.azurecr.io",
        "cache",
        f"{REPOSITORY}:main",
        f"{REPOSITORY}@sha256:{'0' * 64}",
        f"https://{REPOSITORY}",
        "myteam.azurecr.io/Shop",
        f"{REPOSITORY},mode=max",
        f"alice:secret@{REPOSITORY}",
    ],
)
def test_what_is_no_repository_is_an_error(text: str) -> None:
    with raises("cache.repository-invalid", match="--cache: "):
        chosen(CacheOptions(text))
    with raises("cache.repository-invalid", match=r"^\.ci\.toml: cache: "):
        chosen(CacheOptions(), text)


def test_a_password_in_it_is_not_repeated() -> None:
    with raises("cache.repository-invalid") as caught:
        chosen(CacheOptions(f"alice:canary@{REPOSITORY}"))
    assert "canary" not in str(caught.value)


def test_writing_without_a_repository_is_an_error() -> None:
    with raises("cache.not-named", match="--cache-write"):
        chosen(CacheOptions(write=True))
