from __future__ import annotations

import pytest

from ci.build.ignored import leaves_out_git


@pytest.mark.parametrize(
    "text",
    [
        ".git",
        "/.git",
        ".git/\n",
        "  .git  ",
        "**/.git",
        "*",
        "**",
        "# all\n*\n!services/*/src\n!pyproject.toml",
        "\ufeff.git",
        "!.git\n.git",
    ],
)
def test_git_is_left_out(text: str) -> None:
    assert leaves_out_git(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# .git",
        ".gitignore",
        ".git/objects",
        "*\n!.git",
        "*\n!/.git",
        "*\n! .git",
        "*\n!.git/HEAD",
        "*\n!.g*",
        "*\n!**",
        "*\n!*/HEAD",
        ".git\n!.git",
        "*.git",
        ".gi?",
        "services/.git",
    ],
)
def test_in_doubt_it_is_in_the_context(text: str) -> None:
    assert not leaves_out_git(text)
