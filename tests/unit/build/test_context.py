"""What builds can read, as Bake's file says it, and patterns of .dockerignore files."""

from __future__ import annotations

from typing import Any

import pytest

from ci.build.context import patterns, readable
from ci.sandbox.place import PROJECT


def paths(*targets: dict[str, Any]) -> tuple[set[tuple[str, str]], set[str]] | None:
    found = readable(targets)
    return (set(found.contexts), set(found.others)) if found else None


def test_a_context_and_its_dockerfile() -> None:
    api = {"context": f"{PROJECT}/api", "dockerfile": "Dockerfile"}
    web = {"context": PROJECT, "dockerfile": "docker/web.Dockerfile"}
    other = {"context": f"{PROJECT}/api/", "dockerfile": f"{PROJECT}/docker/api.Dockerfile"}
    contexts = {
        ("api", "api/Dockerfile"),
        (".", "docker/web.Dockerfile"),
        ("api", "docker/api.Dockerfile"),
    }
    assert paths(api, web, other) == (contexts, set())


def test_a_target_without_keys_is_the_whole_project() -> None:
    assert paths({}) == ({(".", "Dockerfile")}, set())


def test_an_inline_dockerfile_is_no_file() -> None:
    assert paths({"context": f"{PROJECT}/api", "dockerfile-inline": "FROM scratch"}) == ({("api", "")}, set())


def test_what_is_elsewhere_is_not_read() -> None:
    assert paths({"context": "https://example.com/x.git#main"}) == (set(), set())
    named = {"base": "docker-image://python:3.12", "other": "target:other", "far": "git@example.com:x.git"}
    assert paths({"context": f"{PROJECT}/api", "contexts": named}) == ({("api", "api/Dockerfile")}, set())


@pytest.mark.parametrize(
    ("keys", "others"),
    [
        ({"contexts": {"lib": f"{PROJECT}/shared, all"}}, {"shared, all"}),
        ({"secret": [f"id=key,src={PROJECT}/secrets/key"]}, {"secrets/key"}),
        ({"secret": [{"id": "key", "src": f"{PROJECT}/secrets/key"}]}, {"secrets/key"}),
        ({"secret": ["type=env,id=key,env=KEY"]}, set()),
        ({"ssh": ["default"]}, set()),
        (
            {"cache-from": ["type=registry,ref=example.com/team/cache:main"], "cache-to": ["type=inline"]},
            set(),
        ),
        ({"cache-from": ["team/cache"]}, set()),
    ],
)
def test_other_files_and_folders(keys: dict[str, Any], others: set[str]) -> None:
    assert paths({"context": f"{PROJECT}/api", **keys}) == ({("api", "api/Dockerfile")}, others)


@pytest.mark.parametrize(
    "keys",
    [
        {"context": "relative"},
        {"contexts": {"all": PROJECT}},
        {"contexts": {"layout": f"oci-layout://{PROJECT}/layout"}},
        {"contexts": {"relative": "./x"}},
        {"dockerfile": "../../Dockerfile"},
        {"secret": ["id=key,src=secrets/key"]},
        {"secret": [f'id=key,"src={PROJECT}/a,b"']},
        {"secret": ["id=key,src=/etc/key"]},
        {"ssh": ["key=./id_ed25519"]},
        {"ssh": [{"id": "key", "paths": ["./id_ed25519"]}]},
        {"cache-from": ["type=local,src=cache"]},
    ],
)
def test_in_doubt_it_is_the_whole_project(keys: dict[str, Any]) -> None:
    assert paths({"context": f"{PROJECT}/api", **keys}) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (".git", ".git"),
        ("/.git", ".git"),
        ("//.git/", ".git"),
        ("  .git  \r", ".git"),
        ("\ufeff.git", ".git"),
        ("./docs//x/..", "docs"),
        ("! docs/", "!docs"),
        ("!/docs", "!docs"),
        ("**/*.pyc", "**/*.pyc"),
        ("/", "/"),
        (" # is a pattern", "# is a pattern"),
        ("!", "!"),
    ],
)
def test_a_pattern(line: str, expected: str) -> None:
    assert patterns(f"{line}\n") == [expected]


def test_comments_and_empty_lines_are_left_out() -> None:
    assert patterns("# .git\n\n   \n*\n!src") == ["*", "!src"]
