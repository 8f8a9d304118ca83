from __future__ import annotations

from dataclasses import replace

import pytest

from ci.release import notes
from ci.release.history import Commit, History
from ci.release.manifest import Release, Released

FIRST, SECOND = "a" * 40, "b" * 40
DIGEST = "sha256:" + "c" * 64
IMAGE = Released("web", f"ghcr.io/team/web@{DIGEST}", DIGEST, ("1.2.3",), 1, 2, DIGEST, DIGEST)
RELEASE = Release("refs/tags/v1.2.3", "1.2.3", FIRST, "2026-03-01T10:00:00Z", "ghcr.io/team", (IMAGE,))
SOURCE = "https://github.com/team/shop"


def history(*subjects: str, tags: dict[str, str] | None = None) -> History:
    """Make a line of commits, the newest first, the first of which has the release's tag."""
    ids = [f"{number:040x}" for number in range(len(subjects) + 1)]
    commits = [Commit(ids[n], (ids[n + 1],), text) for n, text in enumerate(subjects)]
    commits.append(Commit(ids[-1], (), "The beginning"))
    on = {"v1.2.3": ids[0], "v1.2.2": ids[-1]} if tags is None else tags
    return History({commit.revision: commit for commit in commits}, on)


def test_commits_and_images_are_listed() -> None:
    text = notes.notes(RELEASE, history("Fix it", "Add it"), source=SOURCE)
    assert text == (
        "# 1.2.3\n\n"
        f"- Fix it ([0000000]({SOURCE}/commit/{0:040x}))\n"
        f"- Add it ([0000000]({SOURCE}/commit/{1:040x}))\n\n"
        f"| image | digest |\n| --- | --- |\n| web | `ghcr.io/team/web@{DIGEST}` |\n"
    )


@pytest.mark.parametrize("subject", ["", " ", "\r", "\u2028"])
def test_a_commit_without_a_subject_is_listed_and_ends_nothing(subject: str) -> None:
    assert "- (no subject) (0000000)" in notes.notes(RELEASE, history(subject))


@pytest.mark.parametrize("character", ["\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\x1b", "\x00", "\n"])
def test_any_separator_in_a_subject_is_a_space(character: str) -> None:
    assert "- Update it (0000000)" in notes.notes(RELEASE, history(f"Update{character}it"))


def test_a_subject_cannot_mention_or_link() -> None:
    text = notes.notes(RELEASE, history("Thank @all, see [x](http://y) <b> `z` #1 a|b"))
    assert r"- Thank \@all, see \[x\](http://y) \<b\> \`z\` \#1 a\|b (0000000)" in text


def test_what_does_not_fit_is_counted_and_linked() -> None:
    text = notes.notes(RELEASE, history(*["x" * 1000] * 500), source=SOURCE)
    assert len(text) < 110_000
    listed = text.count("\n- x")
    assert f"- and {500 - listed} more: [all of them]({SOURCE}/compare/v1.2.2...v1.2.3)" in text


def test_no_commits_and_no_history_are_said() -> None:
    same = f"{0:040x}"
    nothing = history("Fix it", tags={"v1.2.3": same, "v1.2.2": same})
    assert "No commits since v1.2.2." in notes.notes(RELEASE, nothing)
    assert "no history was given" in notes.notes(replace(RELEASE, version=""), History())


def test_a_first_release_lists_all_and_a_shallow_clone_says_that_it_does_not() -> None:
    text = notes.notes(RELEASE, replace(history("Fix it", tags={"v1.2.3": f"{0:040x}"}), shallow=True))
    assert "- The beginning (" in text
    assert "The clone is shallow: older commits since the beginning are not listed." in text
