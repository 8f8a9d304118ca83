"""Names that stand for more than one thing: branches, commits, times, versions, builds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ci.release import tags
from tests.release import sets

if TYPE_CHECKING:
    from pathlib import Path

    from tests.release.registry import Registry

SEVEN = "356defb"
ONE, TWO = f"{SEVEN}{'0' * 32}1", f"{SEVEN}{'0' * 32}2"


def push(registry: Registry, images: sets.Set, folder: Path, **changes: object) -> sets.Run:
    request = images.request(registry.host, **changes)
    run = sets.run(request, folder)
    assert (run.code, run.error) == (0, "")
    return run


def branch(folder: Path, name: str, **options: str) -> sets.Set:
    made = sets.make(folder, version="", services=("agent",), **options)  # type: ignore[arg-type]
    return replace(made, moving=list(tags.decide(f"refs/heads/{name}").all))


def test_two_branches_have_two_tags(registry: Registry, tmp_path: Path) -> None:
    one = branch(tmp_path / "one", "feat/x", content="one", created="2026-03-02T10:00:00Z")
    two = branch(tmp_path / "two", "feat-x", content="two", created="2026-03-01T10:00:00Z")
    push(registry, one, tmp_path / "run")
    run = push(registry, two, tmp_path / "run")
    assert run.outcome["images"][0]["held"] == {}
    found = sets.release_tags(registry, "agent")
    assert found["feat-x"] == two.images[0].digest
    assert one.images[0].digest in found.values()


def test_two_commits_with_the_same_digits_are_both_published(registry: Registry, tmp_path: Path) -> None:
    one = branch(tmp_path / "one", "main", revision=ONE, content="one", created="2026-03-01T10:00:00Z")
    two = branch(tmp_path / "two", "main", revision=TWO, content="two", created="2026-03-02T10:00:00Z")
    push(registry, one, tmp_path / "run")
    run = push(registry, two, tmp_path / "run")
    found = sets.release_tags(registry, "agent")
    assert found[f"sha-{SEVEN}"] == one.images[0].digest
    assert found[f"sha-{TWO[:12]}"] == two.images[0].digest
    assert run.outcome["images"][0]["tags"][0] == f"sha-{TWO[:12]}"
    # And again: nothing moves.
    assert push(registry, two, tmp_path / "run").outcome["images"][0]["moved"] == []


def test_a_commit_from_the_future_does_not_keep_the_branch(registry: Registry, tmp_path: Path) -> None:
    for number, year in enumerate(("2026", "2031", "2026")):
        made = branch(
            tmp_path / str(number), "main", content=str(number), created=f"{year}-03-0{number + 1}T10:00:00Z"
        )
        push(registry, made, tmp_path / "run")
    assert sets.release_tags(registry, "agent")["main"] == made.images[0].digest


@pytest.mark.parametrize("newer_first", [True, False])
def test_ancestry_decides_where_the_history_is_given(
    registry: Registry, tmp_path: Path, *, newer_first: bool
) -> None:
    folder = tmp_path / "history"
    folder.mkdir()
    (folder / "log").write_text(f"{TWO}\n{ONE}\nSecond\0{ONE}\n\nFirst\0")
    (folder / "tags").write_text("")
    old = branch(tmp_path / "one", "main", revision=ONE, content="one", created="2026-03-01T10:00:00Z")
    new = branch(tmp_path / "two", "main", revision=TWO, content="two", created="2026-03-01T10:00:00Z")
    for made in (new, old) if newer_first else (old, new):
        push(registry, made, tmp_path / "run", history=str(folder))
    assert sets.release_tags(registry, "agent")["main"] == new.images[0].digest


def test_a_version_of_an_earlier_pipeline_keeps_latest(registry: Registry, tmp_path: Path) -> None:
    old = sets.make(tmp_path / "old", version="3.11.0", services=("agent",), content="old")
    old.fixed[1], old.moving, old.version = "v3.11.0", ["latest"], ""
    push(registry, old, tmp_path / "run")
    patch = sets.make(tmp_path / "patch", version="2.10.2", services=("agent",), content="patch")
    run = push(registry, patch, tmp_path / "run")
    assert run.outcome["images"][0]["held"] == {"latest": "v3.11.0"}
    assert sets.release_tags(registry, "agent")["latest"] == old.images[0].digest
    same = sets.make(tmp_path / "same", version="3.11.0", services=("agent",), content="other")
    refused = sets.run(same.request(registry.host), tmp_path / "run")
    assert "tags.taken" in refused.error


@pytest.mark.parametrize("length", [116, 128])
def test_a_version_as_long_as_a_tag_may_be_is_released(
    length: int, registry: Registry, tmp_path: Path
) -> None:
    made = sets.make(tmp_path / "v", services=("agent",))
    version = "1.2.3-" + "x" * (length - 6)
    made.fixed[1], made.moving, made.version = version, [], version
    push(registry, made, tmp_path / "run")
    assert sets.release_tags(registry, "agent")[version] == made.images[0].digest


def test_a_commit_that_was_built_again_with_another_result_is_released(
    registry: Registry, tmp_path: Path
) -> None:
    main = sets.make(tmp_path / "main", version="", revision=ONE, content="one")
    again = sets.make(tmp_path / "again", revision=ONE, content="two")
    push(registry, main, tmp_path / "run")
    run = push(registry, again, tmp_path / "run")
    tag = f"sha-{SEVEN}"
    agent = run.outcome["images"][0]
    assert agent["held"] == {tag: f"an earlier build of the same commit ({main.images[0].digest})"}
    assert agent["tags"] == ["1.2.3", "1.2", "1", "latest"]
    found = sets.release_tags(registry, "agent")
    assert (found[tag], found["1.2.3"]) == (main.images[0].digest, again.images[0].digest)
    # On request the commit's tag follows.
    request = again.request(registry.host)
    for image in request["images"]:
        image["replace_commit_tag"] = True
    assert sets.run(request, tmp_path / "run").code == 0
    assert sets.release_tags(registry, "agent")[tag] == again.images[0].digest
