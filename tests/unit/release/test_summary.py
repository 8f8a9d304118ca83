from __future__ import annotations

from typing import Any

from ci.release import summary, tags
from ci.release.manifest import Release, Released

DIGEST = "sha256:" + "c" * 64
IMAGE = Released("web", f"ghcr.io/team/web@{DIGEST}", DIGEST, ("1.1.9",), 1_500_000, 2, DIGEST, DIGEST)
RELEASE = Release("refs/tags/v1.1.9", "1.1.9", "a" * 40, "2026-03-01T10:00:00Z", "ghcr.io/team", (IMAGE,))


def done(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {
        "service": "web",
        "digest": DIGEST,
        "tags": ["1.1.9", "1.1"],
        "moved": ["1.1.9", "1.1"],
        "held": {"latest": "1.2.0"},
        "sent": 400_000,
        **changes,
    }


def test_the_tags_of_a_ref() -> None:
    assert summary.tags(tags.decide("refs/tags/web/v0.1.2", services=["web"])).splitlines() == [
        "tag     services  release",
        "0.1.2   web       never moves",
        "0.1     web       moves, never back",
        "latest  web       moves, never back",
    ]


def test_the_table_and_what_stays() -> None:
    assert summary.text(RELEASE, [done()], dry_run=False).splitlines() == [
        f"service  {'digest':<71}  tags       size    sent",
        f"web      {DIGEST}  1.1.9 1.1  1.5 MB  0.4 MB",
        "",
        "images in ghcr.io/team: 1; tags put: 2",
        "web:latest stays where it is, because of 1.2.0",
    ]


def test_how_many_are_signed_is_said_where_there_is_a_key() -> None:
    text = summary.text(RELEASE, [done(signature="put"), done(signature="was there")], dry_run=False)
    assert "signed by the given key: 2, of these now: 1" in text
    assert "signed" not in summary.text(RELEASE, [done(signature="")], dry_run=False)


def test_a_dry_run_says_that_it_was_one() -> None:
    text = summary.text(RELEASE, [done(sent=0)], dry_run=True)
    assert "dry run: nothing was written to ghcr.io/team; tags it would put: 2" in text


def test_a_rerun_says_that_all_was_there() -> None:
    text = summary.text(RELEASE, [done(sent=0, moved=[], held={})], dry_run=False)
    assert "was there" in text
    assert "tags put: 0" in text


def test_markdown_is_a_table_and_a_list() -> None:
    lines = summary.markdown(RELEASE, [done()], dry_run=False).splitlines()
    assert lines[0] == "| service | digest | tags | size | sent |"
    assert lines[-1] == "- web:latest stays where it is, because of 1.2.0"
