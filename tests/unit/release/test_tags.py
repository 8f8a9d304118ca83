from __future__ import annotations

import pytest

from ci.release import tags
from tests.raised import raises

SHA = "860c1904a1ce19322e91ac35af1ab07466440c37"
SERVICES = ("agent", "gateway", "research")


# The refs are those of docker/metadata-action's documentation and test fixtures.
@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("refs/tags/v1.2.3", "1.2.3 1.2 1 latest"),
        ("refs/tags/1.2.3", "1.2.3 1.2 1 latest"),
        ("refs/tags/v101.12.13", "101.12.13 101.12 101 latest"),
        ("refs/tags/v1.1.1", "1.1.1 1.1 1 latest"),
        ("refs/tags/v0.4.1", "0.4.1 0.4 latest"),
        ("refs/tags/v0.0.0", "0.0.0 0.0 latest"),
        ("refs/tags/v2.0.8-beta.67", "2.0.8-beta.67"),
        ("refs/tags/v9.5.7-alpha.2+fork.3.1.8", "9.5.7-alpha.2"),
        ("refs/tags/v1.2.3+build.5", "1.2.3 1.2 1 latest"),
        ("refs/tags/v1.0.0-0.3.7", "1.0.0-0.3.7"),
        ("refs/heads/master", "master"),
        ("refs/heads/releases/v1", "releases-v1-4e87f5e"),
        ("refs/heads/my/branch", "my-branch-bfc3dc6"),
        ("refs/heads/feat/x", "feat-x-79b4cc5"),
        ("refs/heads/Feat_X.1", "Feat_X.1"),
        ("refs/heads/$my/bra@@nch+", "my-bra-nch-d58ecf5"),
        ("refs/heads/ünïcode", "n-code-b8be896"),
        ("refs/heads/.hidden", "hidden-1692419"),
        ("refs/heads/main", "main edge"),
        ("refs/pull/2/merge", "pr-2"),
        ("refs/pull/15/head", "pr-15"),
        ("refs/heads/gh-readonly-queue/main/pr-2-abc", "gh-readonly-queue-main-pr-2-abc-30ba75c"),
    ],
)
def test_a_ref_gives_its_tags(ref: str, expected: str) -> None:
    decided = tags.decide(ref, sha=SHA)
    assert decided.fixed[0] == "sha-860c190"
    assert " ".join(decided.all[1:]) == expected
    assert tags.decide(ref).all == decided.all[1:]


def test_versions_are_fixed_and_the_rest_moves_latest_last() -> None:
    decided = tags.decide("refs/tags/v1.2.3", sha=SHA)
    assert decided == tags.Tags(
        event="release",
        fixed=("sha-860c190", "1.2.3"),
        moving=("1.2", "1", "latest"),
        version="1.2.3",
    )


def test_a_pre_release_moves_nothing() -> None:
    decided = tags.decide("refs/tags/v2.0.8-beta.67", sha=SHA)
    assert (decided.event, decided.moving) == ("pre-release", ())


def test_a_monorepo_tag_names_one_service() -> None:
    decided = tags.decide("refs/tags/gateway/v1.2.3", sha=SHA, services=SERVICES)
    assert (decided.service, decided.version) == ("gateway", "1.2.3")
    assert tags.decide("refs/tags/v1.2.3", services=SERVICES).service == ""


def test_another_default_branch_gets_edge() -> None:
    assert tags.decide("refs/heads/trunk", default_branch="trunk").all == ("trunk", "edge")
    assert tags.decide("refs/heads/main", default_branch="trunk").all == ("main",)
    assert tags.decide("refs/heads/edge", default_branch="edge").all == ("edge",)


def test_a_long_branch_is_cut_to_128_and_stays_its_own() -> None:
    first, second = (tags.decide(f"refs/heads/{'x' * 200}{end}").all[0] for end in "ab")
    assert len(first) == len(second) == 128
    assert first != second


@pytest.mark.parametrize(
    ("code", "ref", "text"),
    [
        ("tags.unknown-ref", "v1.2.3", "--ref 'v1.2.3' is not a ref"),
        ("tags.unknown-ref", "refs/notes/x", "refs/notes/x"),
        ("tags.unknown-ref", "", "--ref ''"),
        ("tags.version-invalid", "refs/tags/v1.2", "'v1.2' is not a semantic version"),
        ("tags.version-invalid", "refs/tags/v1.2.3rc2", "'v1.2.3rc2' is not a semantic version"),
        ("tags.version-invalid", "refs/tags/v01.2.3", "'v01.2.3' is not a semantic version"),
        ("tags.version-invalid", "refs/tags/sometag", "'sometag' is not a semantic version"),
        ("tags.version-invalid", "refs/tags/p1-v1.0.0", "'p1-v1.0.0' is not a semantic version"),
        (
            "tags.unknown-service",
            "refs/tags/gatway/v1.2.3",
            r"no service called 'gatway'(.|\n)*did you mean gateway/v1.2.3\?",
        ),
        (
            "tags.version-too-long",
            "refs/tags/v1.2.3-" + "x" * 130,
            "at most 128 characters, this version has 136",
        ),
        ("tags.branch-reserved", "refs/heads/latest", "'latest', which belongs to releases"),
        ("tags.branch-reserved", "refs/heads/edge", "'edge'"),
        ("tags.branch-reserved", "refs/heads/1.2", "rename the branch, for example to release/1.2"),
        ("tags.branch-reserved", "refs/heads/v1", "'v1'"),
        ("tags.branch-reserved", "refs/heads/1.2.3-fix", "'1.2.3-fix'"),
        ("tags.branch-reserved", "refs/heads/pr-7", "'pr-7'"),
        ("tags.branch-reserved", "refs/heads/sha-860c190", "'sha-860c190'"),
        ("tags.branch-reserved", "refs/heads/claim-1.2.3-abc", "'claim-1.2.3-abc'"),
        ("tags.branch-without-characters", "refs/heads/...", "no character that a tag can have"),
    ],
)
def test_what_cannot_be_tagged_is_refused_and_named(code: str, ref: str, text: str) -> None:
    with raises(code, match=text):
        tags.decide(ref, services=SERVICES)


@pytest.mark.parametrize("sha", ["abc", "HEAD", "g" * 40, SHA.upper()])
def test_what_is_no_commit_is_refused(sha: str) -> None:
    with raises("tags.commit-invalid", match=f"--commit '{sha}'"):
        tags.decide("refs/heads/main", sha=sha)


@pytest.mark.parametrize(
    ("version", "existing", "held"),
    [
        ("1.2.3", [], {}),
        ("1.2.3", ["1.2.3", "1.2.2", "latest", "edge"], {}),
        ("1.1.9", ["1.1.8", "1.2.0"], {"1": "1.2.0", "latest": "1.2.0"}),
        ("1.1.9", ["2.0.0"], {"latest": "2.0.0"}),
        ("1.1.9", ["1.1.10"], {"1.1": "1.1.10", "1": "1.1.10", "latest": "1.1.10"}),
        ("1.1.9", ["1.2.0-rc.1", "10", "sha-1234567", "2026.01"], {}),
        ("1.1.9", ["11.0.0", "1.10.0"], {"1": "1.10.0", "latest": "11.0.0"}),
    ],
)
def test_no_moving_tag_goes_back(version: str, existing: list[str], held: dict[str, str]) -> None:
    moving = tags.decide(f"refs/tags/v{version}").moving
    assert tags.holders(version, moving, existing) == held


def test_what_is_no_version_is_not_compared() -> None:
    with raises("version.not-semantic", match=r"'1\.2' is not a semantic version"):
        tags.holders("1.2", ["latest"], ["1.2.3"])


@pytest.mark.parametrize(
    "branches",
    [
        ("feat/x", "feat-x", "feat@x", "feat//x"),
        ("feature/検索", "feature/決済", "feature/"),
        ("bugfix/ü", "bugfix/ö"),
        (".x", "-x", "x"),
    ],
)
def test_two_branches_never_share_a_tag(branches: tuple[str, ...]) -> None:
    found = [tags.decide(f"refs/heads/{branch}").all[0] for branch in branches]
    assert len(set(found)) == len(branches)
    assert all(len(tag) <= 128 for tag in found)


def test_a_branch_that_begins_as_a_commit_s_tag_has_its_own() -> None:
    assert tags.decide("refs/heads/sha-pinning").all == ("sha-pinning",)


def test_a_release_of_an_earlier_pipeline_holds_latest_with_its_v() -> None:
    assert tags.holders("2.10.2", ("2.10", "2", "latest"), ["v3.11.0", "2.10.1", "latest"]) == {
        "latest": "v3.11.0"
    }
