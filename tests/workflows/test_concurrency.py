"""Play GitHub's rule of concurrency groups: which runs are cancelled, and how many run at the same time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.runner import ROOT, read

MOST = 100  # runs that wait in one group with `queue: max`
TAGS = ["agent/v1.0.0", "gateway/v2.3.0", "research/v0.9.1", "v1.2.3"]


def play(concurrency: dict[str, str], groups: list[str]) -> tuple[list[int], int]:
    """Start runs in these groups, none of which ends meanwhile.

    Return which of them were cancelled, and how many run.
    """
    running: dict[str, int] = {}
    waiting: dict[str, list[int]] = {}
    cancelled = []
    for number, group in enumerate(groups):
        if group in running and concurrency.get("cancel-in-progress") == "true":
            cancelled.append(running.pop(group))
        if group not in running:
            running[group] = number
            continue
        queue = waiting.setdefault(group, [])
        most = MOST if concurrency.get("queue") == "max" else 1
        if len(queue) == most:
            cancelled.append(queue.pop(0))
        queue.append(number)
    return cancelled, len(running)


def groups(name: str, refs: list[str]) -> tuple[dict[str, Any], list[str]]:
    concurrency = read(ROOT / ".github" / "workflows" / f"{name}.yml")["concurrency"]
    text = concurrency["group"].replace("${{ github.workflow }}", name)
    found = [text.replace("${{ github.ref }}", ref) for ref in refs]
    assert not any("$" in group for group in found)
    return concurrency, found


@pytest.mark.parametrize("count", [2, 3, 4])
def test_no_release_is_cancelled_and_two_never_run_at_once(count: int) -> None:
    concurrency, found = groups("release", [f"refs/tags/{tag}" for tag in TAGS[:count]])
    assert play(concurrency, found) == ([], 1)


def test_the_rule_as_it_was_loses_a_release() -> None:
    assert play({"group": "release", "cancel-in-progress": "false"}, ["release"] * 3) == ([1], 1)
    assert play({"group": "by ref"}, TAGS) == ([], 4)


def test_of_commits_of_main_the_newest_is_published_and_none_is_interrupted() -> None:
    concurrency, found = groups("main", ["refs/heads/main"] * 3)
    assert play(concurrency, found) == ([1], 1)


def test_a_newer_push_replaces_the_run_of_its_own_pull_request_only() -> None:
    concurrency, found = groups("pull-request", [f"refs/pull/{number}/merge" for number in (1, 2, 1)])
    assert concurrency["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"
    assert play({**concurrency, "cancel-in-progress": "true"}, found) == ([0], 2)
