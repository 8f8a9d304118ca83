"""The images map as rules for BuildKit, and back."""

from __future__ import annotations

import json

import pytest

from ci.references import ImagesMap
from ci.sandbox import substitutes

DIGEST = f"sha256:{'0' * 64}"
NOW = f"sha256:{'1' * 64}"
LOCAL = "127.0.0.1:5000"


def read(entries: dict[str, str | None]) -> ImagesMap:
    return ImagesMap.from_json(json.dumps(entries), where="here")


def rules(entries: dict[str, str | None], digests: dict[str, str] | None = None) -> list[str]:
    return substitutes.rules(read(entries), digests or {}).splitlines()


@pytest.mark.parametrize(
    ("reference", "full"),
    [
        ("redis", "docker.io/library/redis:latest"),
        ("redis:7", "docker.io/library/redis:7"),
        ("library/redis:7", "docker.io/library/redis:7"),
        ("docker.io/redis:7", "docker.io/library/redis:7"),
        ("docker.io/library/redis:7", "docker.io/library/redis:7"),
        ("bitnami/redis:7", "docker.io/bitnami/redis:7"),
        ("docker.io/bitnami/redis:7", "docker.io/bitnami/redis:7"),
        ("a/b/c:1", "docker.io/a/b/c:1"),
        ("ghcr.io/astral-sh/uv:0.9", "ghcr.io/astral-sh/uv:0.9"),
        ("localhost/redis:7", "localhost/redis:7"),
        ("localhost:5000/redis", "localhost:5000/redis:latest"),
        ("registry:5000/redis:7", "registry:5000/redis:7"),
        ("127.0.0.1:5000/team/redis:7", "127.0.0.1:5000/team/redis:7"),
        (f"redis@{DIGEST}", f"docker.io/library/redis@{DIGEST}"),
        (f"redis:7@{DIGEST}", f"docker.io/library/redis:7@{DIGEST}"),
        (f"ghcr.io/x/y@{DIGEST}", f"ghcr.io/x/y@{DIGEST}"),
    ],
)
def test_a_reference_is_written_as_buildkit_writes_it(reference: str, full: str) -> None:
    assert substitutes.full_name(reference) == full
    assert substitutes.full_name(full) == full


def test_targets_are_the_substitutes_that_are_named_by_a_tag_each_once() -> None:
    entries = {
        "redis:7": f"{LOCAL}/redis:7",
        "redis:8": f"{LOCAL}/redis:7",
        "python:3.13": "team/python",
        "uv": f"{LOCAL}/uv@{DIGEST}",
        "node": None,
    }
    assert substitutes.targets(read(entries)) == [
        f"{LOCAL}/redis:7",
        "docker.io/team/python:latest",
    ]


def test_a_rule_has_both_names_in_full_and_the_digest_of_the_moment() -> None:
    assert rules({"redis:7": f"{LOCAL}/redis"}, {f"{LOCAL}/redis:latest": NOW}) == [
        f"docker.io/library/redis:7 {LOCAL}/redis:latest {LOCAL}/redis:latest@{NOW}"
    ]


def test_a_substitute_whose_digest_is_not_known_is_left_to_buildkit() -> None:
    assert rules({"redis:7": f"{LOCAL}/redis:7"}) == [
        f"docker.io/library/redis:7 {LOCAL}/redis:7 {LOCAL}/redis:7"
    ]


def test_a_substitute_that_is_pinned_keeps_its_digest() -> None:
    pinned = f"{LOCAL}/redis:7@{DIGEST}"
    assert rules({"redis:7": pinned}, {f"{LOCAL}/redis:7": NOW}) == [
        f"docker.io/library/redis:7 {pinned} {pinned}"
    ]


def test_an_image_that_is_not_here_has_a_rule_without_a_substitute() -> None:
    assert rules({"redis:7": None}) == ["docker.io/library/redis:7 - -"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("redis:7", "redis:7"),
        ("redis", "docker.io/library/redis:latest"),
        (f"{LOCAL}/redis:7", f"{LOCAL}/redis:7"),
        (f"redis@{DIGEST}", f"docker.io/redis@{DIGEST}"),
    ],
)
def test_an_image_that_is_itself_needs_no_rule(key: str, value: str) -> None:
    assert rules({key: value}, {substitutes.full_name(value): NOW}) == []


def test_keys_with_a_digest_come_first_and_the_rest_by_name() -> None:
    entries: dict[str, str | None] = {
        "alpine:3": None,
        f"redis:7@{DIGEST}": f"{LOCAL}/old:7",
        "redis:7": f"{LOCAL}/redis:7",
        f"bitnami/redis@{DIGEST}": None,
    }
    assert [line.split()[0] for line in rules(entries)] == [
        f"docker.io/bitnami/redis@{DIGEST}",
        f"docker.io/library/redis:7@{DIGEST}",
        "docker.io/library/alpine:3",
        "docker.io/library/redis:7",
    ]


def test_rules_do_not_depend_on_the_order_of_the_map() -> None:
    entries: dict[str, str | None] = {"b": "x", "a": None, f"a@{DIGEST}": "y"}
    assert rules(entries) == rules(dict(reversed(entries.items())))


def test_no_map_has_no_rules() -> None:
    assert substitutes.rules(ImagesMap({}), {}) == ""


@pytest.mark.parametrize(
    ("reference", "original"),
    [
        (f"{LOCAL}/redis:7", "redis:7"),
        (f"{LOCAL}/redis:7@{NOW}", "redis:7"),
        ("team/python:latest", "python:3.13"),
        ("team/python", "python:3.13"),
        ("docker.io/team/python:latest", "python:3.13"),
        (f"{LOCAL}/redis:8", f"{LOCAL}/redis:8"),
        (f"{LOCAL}/other/redis:7", f"{LOCAL}/other/redis:7"),
        ("postgres:18", "postgres:18"),
        (f"{LOCAL}/uv:0.9@{NOW}", f"ghcr.io/astral-sh/uv:0.9@{DIGEST}"),
    ],
)
def test_a_substitute_is_named_as_the_project_names_it(reference: str, original: str) -> None:
    entries: dict[str, str | None] = {
        "redis:7": f"{LOCAL}/redis:7",
        "python:3.13": "team/python",
        f"ghcr.io/astral-sh/uv:0.9@{DIGEST}": f"{LOCAL}/uv:0.9@{NOW}",
        "node:24": None,
    }
    assert substitutes.original(read(entries), reference) == original


def test_of_two_images_with_one_substitute_the_first_by_name_is_meant() -> None:
    entries: dict[str, str | None] = {"redis:8": f"{LOCAL}/redis:7", "redis:7": f"{LOCAL}/redis:7"}
    assert substitutes.original(read(entries), f"{LOCAL}/redis:7") == "redis:7"


def test_ports_are_those_of_registries_on_the_loopback() -> None:
    entries: dict[str, str | None] = {
        "a": "127.0.0.1:5000/a",
        "b": "localhost:5001/b",
        "c": "127.0.0.1/c",
        "d": "registry:5002/d",
        "e": "10.87.0.1:5003/e",
        "g": None,
        "localhost:5004/h": "h",
    }
    assert substitutes.loopback_ports(read(entries)) == ["5000", "5001", "80"]


def test_a_port_that_two_names_have_is_there_once() -> None:
    entries: dict[str, str | None] = {"a": f"{LOCAL}/a", "b": "localhost:5000/b", "c": f"{LOCAL}/c"}
    assert substitutes.loopback_ports(read(entries)) == ["5000"]


def test_an_image_that_needs_no_map_has_no_ports() -> None:
    assert substitutes.loopback_ports(read({})) == []


def test_ports_of_other_references_are_found_too() -> None:
    others = ("localhost:5001/a/cache", "myteam.azurecr.io/cache")
    images = read({"redis:7": "127.0.0.1:5000/redis:7"})
    assert substitutes.loopback_ports(images, *others) == ["5000", "5001"]
