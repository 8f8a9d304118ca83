from __future__ import annotations

from dataclasses import replace

import pytest

from ci.release import notes
from ci.release.manifest import Release, Released
from tests.raised import raises

FIRST, SECOND = "a" * 40, "b" * 40
DIGEST = "sha256:" + "c" * 64
IMAGE = Released("web", f"ghcr.io/team/web@{DIGEST}", DIGEST, ("1.2.3",), 1, 2, DIGEST, DIGEST)
RELEASE = Release("refs/tags/v1.2.3", "1.2.3", FIRST, "2026-03-01T10:00:00Z", "ghcr.io/team", (IMAGE,))


def test_commits_and_images_are_listed() -> None:
    text = notes.notes(RELEASE, f"{FIRST} Add it\n{SECOND} Mend it\n", source="https://github.com/team/shop")
    assert text == (
        "# 1.2.3\n\n"
        f"- Add it ([aaaaaaa](https://github.com/team/shop/commit/{FIRST}))\n"
        f"- Mend it ([bbbbbbb](https://github.com/team/shop/commit/{SECOND}))\n\n"
        f"| image | digest |\n| --- | --- |\n| web | `ghcr.io/team/web@{DIGEST}` |\n"
    )


def test_a_subject_cannot_mention_or_link() -> None:
    text = notes.notes(RELEASE, f"{FIRST} Thank @all, see [x](http://y) <b> `z` #1 a|b")
    assert r"- Thank \@all, see \[x\](http://y) \<b\> \`z\` \#1 a\|b (aaaaaaa)" in text


def test_no_commits_is_said() -> None:
    assert "No commits since the last release." in notes.notes(replace(RELEASE, version=""), "")


@pytest.mark.parametrize("log", ["abc Add it", FIRST, f"{FIRST} Add it\nfatal: bad revision"])
def test_what_is_no_log_is_refused(log: str) -> None:
    with raises("release.log-invalid", match=r"the log of commits, line \d"):
        notes.notes(RELEASE, log)
