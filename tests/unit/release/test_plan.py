from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ci.errors import PipelineError
from ci.release import plan
from ci.release.history import Commit, History
from ci.release.plan import Image, KeptTag, State, TagUpdate
from tests.raised import raises

OLD, NEW, OTHER = ("sha256:" + character * 64 for character in "123")


def image(service: str = "agent", *, version: str = "1.2.3", digest: str = NEW) -> Image:
    major, minor, _ = version.split(".")
    return Image(
        service=service,
        repository=f"r/{service}",
        digest=digest,
        fixed=("sha-1234567", version),
        moving=(f"{major}.{minor}", major, "latest"),
        version=version,
    )


def branch(created: str, digest: str = NEW) -> Image:
    return Image("agent", "r/agent", digest, ("sha-1234567",), ("main", "edge"), "", created)


def state(**digests: str) -> State:
    """Write `sha_1`, `v1_2_3` for tags that are no Python names."""
    named = {name.removeprefix("v").replace("_", "."): digest for name, digest in digests.items()}
    return State(tags=tuple(named), digests=named)


def test_every_service_s_tag_of_the_commit_comes_first_and_latest_last() -> None:
    made = plan.make([image("agent"), image("gateway")], {})
    assert [[(move.service, move.tag) for move in moves] for moves in made.rounds] == [
        [("agent", tag), ("gateway", tag)] for tag in ("sha-1234567", "1.2.3", "1.2", "1", "latest")
    ]
    assert made.moves[0] == TagUpdate("agent", "r/agent", "sha-1234567", NEW)
    assert made.held == ()


def test_what_is_there_is_not_put_again() -> None:
    there = {"sha-1234567": NEW, "1.2.3": NEW, "1.2": NEW, "1": NEW, "latest": NEW}
    states = {"r/agent": State(tuple(there), there)}
    assert plan.make([image()], states).rounds == ()


def test_an_interrupted_release_goes_on_where_it_stopped() -> None:
    there = {"sha-1234567": NEW, "1.2.3": NEW, "1.2": OLD, "latest": OLD}
    made = plan.make([image()], {"r/agent": State(tuple(there), there)})
    assert [(move.tag, move.was) for move in made.moves] == [("1.2", OLD), ("1", ""), ("latest", OLD)]


def test_a_version_with_another_digest_is_refused_with_both_and_with_every_service() -> None:
    states = {"r/agent": state(v1_2_3=OLD), "r/gateway": state(v1_2_3=OTHER)}
    with raises("tags.taken", match=r"\A2 tags") as caught:
        plan.make([image("agent"), image("gateway")], states)
    text = str(caught.value)
    assert f"r/agent:1.2.3 is {OLD}, to push: {NEW}" in text
    assert f"r/gateway:1.2.3 is {OTHER}, to push: {NEW}" in text
    assert "never overwritten" in text


COMMIT = "356defb000000000000000000000000000000001"
OF_COMMIT = "356defb000000000000000000000000000000002"  # the same seven digits


def committed(digest: str = NEW, *, again: bool = False) -> Image:
    return Image(
        "agent", "r/agent", digest, ("sha-356defb",), ("main",), revision=COMMIT, replace_commit_tag=again
    )


def at(revision: str, created: str = "", **digests: str) -> State:
    """Return a state whose tags are all of one commit; `sha_1` for `sha-1`."""
    named = {name.replace("_", "-"): digest for name, digest in digests.items()}
    return State(tuple(named), named, dict.fromkeys(named, created), dict.fromkeys(named, revision))


def test_a_commit_s_tag_stays_with_an_earlier_build_of_it_and_the_rest_goes_on() -> None:
    made = plan.make([committed()], {"r/agent": at(COMMIT, sha_356defb=OLD, main=OLD)})
    assert [move.tag for move in made.moves] == ["main"]
    assert made.held == (KeptTag("agent", "sha-356defb", f"an earlier build of the same commit ({OLD})"),)


def test_a_commit_s_tag_moves_to_another_build_of_it_on_request() -> None:
    states = {"r/agent": at(COMMIT, sha_356defb=OLD, main=OLD)}
    made = plan.make([committed(again=True)], states)
    assert [(move.tag, move.was) for move in made.moves] == [("sha-356defb", OLD), ("main", OLD)]
    assert made.held == ()


def test_another_commit_s_tag_with_the_same_digits_makes_ours_longer() -> None:
    states = {"r/agent": at(OF_COMMIT, sha_356defb=OLD)}
    made = plan.make([committed(again=True)], states)
    assert [move.tag for move in made.moves] == ["sha-356defb00000", "main"]
    assert made.fixed == {"agent": ("sha-356defb00000",)}
    longer = at(OF_COMMIT, sha_356defb=OLD, sha_356defb00000=OLD)
    assert plan.make([committed()], {"r/agent": longer}).fixed == {"agent": (f"sha-{COMMIT}",)}


def test_a_version_is_not_put_beside_its_other_spelling_with_another_digest() -> None:
    with raises("tags.taken", match=r"r/agent:v1\.2\.3 is"):
        plan.make([image()], {"r/agent": State(("v1.2.3",), {"v1.2.3": OLD})})
    assert plan.make([image()], {"r/agent": State(("v1.2.3",), {"v1.2.3": NEW})}).held == ()


NOW = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("there", "moves"),
    [("2031-01-01T00:00:00Z", True), ("2026-02-01T00:30:00Z", False), ("2026-01-15T00:00:00Z", False)],
)
def test_a_commit_from_the_future_holds_no_tag(there: str, *, moves: bool) -> None:
    held = State(("main",), {"main": OLD}, {"main": there})
    made = plan.make([branch("2026-01-01T00:00:00Z")], {"r/agent": held}, now=NOW)
    assert ("main" in [move.tag for move in made.moves]) is moves


def line(*commits: str) -> History:
    """Make a history of commits, the oldest first."""
    made = [Commit(each, commits[number - 1 : number]) for number, each in enumerate(commits)]
    return History({commit.revision: commit for commit in reversed(made)})


@pytest.mark.parametrize(
    ("order", "moves"),
    [((OF_COMMIT, COMMIT), True), ((COMMIT, OF_COMMIT), False)],
)
@pytest.mark.parametrize("there", ["2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2031-01-01T00:00:00Z"])
def test_ancestry_goes_before_time(there: str, order: tuple[str, str], *, moves: bool) -> None:
    ours = replace(committed(), created="2026-01-01T00:00:00Z")
    states = {"r/agent": at(OF_COMMIT, there, main=OLD)}
    made = plan.make([ours], states, now=NOW, history=line(*order))
    assert ("main" in [move.tag for move in made.moves]) is moves


def test_latest_never_goes_back() -> None:
    made = plan.make([image(version="1.1.9")], {"r/agent": state(v1_2_0=OLD, v1=OLD, latest=OLD)})
    assert [move.tag for move in made.moves] == ["sha-1234567", "1.1.9", "1.1"]
    assert made.held == (KeptTag("agent", "1", "1.2.0"), KeptTag("agent", "latest", "1.2.0"))


def test_latest_is_given_back_to_a_newer_release_that_came_in_between() -> None:
    there = {"sha-1234567": NEW, "1.1.9": NEW, "1.1": NEW, "1": NEW, "latest": NEW}
    made = plan.make([image(version="1.1.9")], {"r/agent": State((*there, "1.2.0"), there)})
    assert made.moves == (
        TagUpdate("agent", "r/agent", "1", "", NEW, source="1.2.0"),
        TagUpdate("agent", "r/agent", "latest", "", NEW, source="1.2.0"),
    )


def test_each_repository_has_its_own_latest() -> None:
    images = [image("agent", version="1.1.9"), image("gateway", version="1.1.9")]
    made = plan.make(images, {"r/agent": state(v2_0_0=OLD)})
    assert made.held == (KeptTag("agent", "latest", "2.0.0"),)
    assert [(m.service, m.tag) for m in made.moves if m.tag == "latest"] == [("gateway", "latest")]


def test_an_older_commit_does_not_take_a_branch_s_tag() -> None:
    there = {"main": OLD, "edge": OLD}
    later = State(tuple(there), there, {"main": "2026-02-01T00:00:00Z"})
    made = plan.make([branch("2026-01-01T00:00:00Z")], {"r/agent": later})
    assert [move.tag for move in made.moves] == ["sha-1234567", "edge"]
    assert made.held == (KeptTag("agent", "main", "an image of a later commit (2026-02-01T00:00:00Z)"),)


@pytest.mark.parametrize("there", ["2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", ""])
def test_a_later_or_unknown_commit_s_tag_moves(there: str) -> None:
    held = State(("main",), {"main": OLD}, {"main": there})
    made = plan.make([branch("2026-01-01T00:00:00Z")], {"r/agent": held})
    assert [move.tag for move in made.moves] == ["sha-1234567", "main", "edge"]


def test_a_claim_names_version_and_digest() -> None:
    assert plan.claim(image()) == "claim-1.2.3-222222222222"


@pytest.mark.parametrize("length", [109, 110, 116, 128])
def test_a_claim_on_a_long_version_is_a_tag_and_is_found(length: int) -> None:
    version = "1.2.3-" + "x" * (length - 6)
    ours = Image("agent", "r/agent", NEW, ("sha-1234567", version), (), version)
    theirs = replace(ours, digest=OTHER)
    assert len(plan.claim(ours)) <= 128
    with raises("release.version-claimed"):
        plan.make([ours], {"r/agent": State((plan.claim(ours), plan.claim(theirs)))})
    another = replace(ours, version=version[:-1] + "y")
    assert plan.make([ours], {"r/agent": State((plan.claim(another),))}).moves


def test_a_version_that_another_release_claimed_is_refused() -> None:
    other = plan.claim(image(digest=OTHER))
    with raises("release.version-claimed", match=r"version 1\.2\.3 is claimed by another") as caught:
        plan.make([image()], {"r/agent": State((plan.claim(image()), other))})
    assert f"r/agent:{other}, to push: {NEW}" in str(caught.value)


def test_a_claim_on_another_version_is_nothing() -> None:
    claims = ("claim-1.2.3-rc.1-333333333333", "claim-1.2.4-333333333333", "claim-1.2.3-222222222222")
    assert len(plan.make([image()], {"r/agent": State(claims)}).moves) == 5


def test_who_has_one_version_tag_has_won_whatever_is_claimed() -> None:
    late = plan.claim(image(digest=OTHER))
    states = {"r/agent": State((late, "1.2.3"), {"1.2.3": NEW}), "r/gateway": State((late,))}
    made = plan.make([image("agent"), image("gateway")], states)
    assert ("gateway", "1.2.3") in [(move.service, move.tag) for move in made.moves]


def test_of_two_that_claim_first_and_look_then_at_most_one_goes_on() -> None:
    """Every order in which two releases can claim and look at one repository."""
    first, second = image(digest=NEW), image(digest=OTHER)
    steps = [("claim", first), ("look", first), ("claim", second), ("look", second)]
    for order in itertools.permutations(steps):
        if order.index(steps[0]) > order.index(steps[1]) or order.index(steps[2]) > order.index(steps[3]):
            continue
        claims: list[str] = []
        went_on = 0
        for step, which in order:
            if step == "claim":
                claims.append(plan.claim(which))
                continue
            try:
                plan.make([which], {"r/agent": State(tuple(claims))})
            except PipelineError:
                continue
            went_on += 1
        assert went_on <= 1, order


def test_only_the_tags_that_matter_are_looked_up() -> None:
    existing = ("1.2.3", "1.2.2", "latest", "sha256-abc", "sha-7654321", "v1.2.3")
    assert plan.wanted(image(), existing) == ("1.2.3", "latest", "v1.2.3")


def test_a_branch_s_tags_are_looked_up_by_name() -> None:
    assert plan.wanted(branch("2026-01-01T00:00:00Z"), ()) == ("sha-1234567", "main", "edge")
