"""What is released now, on real repositories of other shapes than this one."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from ci.release import current
from ci.release.current import Current
from ci.release.history import History
from tests.raised import raises
from tests.unit.release.test_history import Repository

if TYPE_CHECKING:
    from pathlib import Path

SERVICES = ("gateway", "web")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "clone").mkdir()
    return Repository(tmp_path / "clone")


def tagged(*tags: str) -> list[str]:
    """Return the tags of what is released, if these exist."""
    return [each.tag for each in current.current(History(tags=dict.fromkeys(tags, "a" * 40)), SERVICES)]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (("v1.2.3",), ["v1.2.3"]),
        (("1.2.3", "1.2.2"), ["1.2.3"]),
        # Neither a candidate nor a patch of an older line, even if it was tagged last.
        (("v1.2.3", "v1.3.0-rc.1"), ["v1.2.3"]),
        (("v1.10.0", "v1.9.0", "v1.9.1"), ["v1.10.0"]),
        (("v1.2.3", "v1.2.3+build.5"), ["v1.2.3"]),
        # A service counts by itself only if its version is later, as `latest` in its repository does.
        (("v1.2.3", "gateway/v1.3.0", "web/v1.0.0"), ["v1.2.3", "gateway/v1.3.0"]),
        (("v1.2.3", "gateway/v1.2.3"), ["v1.2.3"]),
        (("v2.0.0", "gateway/v1.3.0"), ["v2.0.0"]),
        (("gateway/v0.1.0", "gateway/v0.2.0", "web/v3.0.0"), ["gateway/v0.2.0", "web/v3.0.0"]),
        # Other things have tags as well.
        (("v1.0.0", "chart/v9.0.0", "nightly", "v2", "tools-v3.0.0", "v01.0.0"), ["v1.0.0"]),
    ],
)
def test_the_last_release_is_the_highest_version(tags: tuple[str, ...], expected: list[str]) -> None:
    assert tagged(*tags) == expected
    assert tagged(*reversed(tags)) == expected


@pytest.mark.parametrize("tags", [(), ("v1.0.0-rc.1",), ("chart/v1.0.0",), ("nightly",)])
def test_a_repository_that_has_released_nothing_is_no_success(tags: tuple[str, ...]) -> None:
    with raises("release.none-yet", "--history"):
        tagged(*tags)


def test_a_release_branch_s_patch_does_not_hide_the_last_version(repository: Repository) -> None:
    old = repository.commit("one", "v1.1.8")
    repository.commit("two", "v1.2.0")
    repository.git("checkout", "--quiet", "-b", "release/1.1", old)
    repository.commit("fix", "v1.1.9")
    assert [each.tag for each in current.current(repository.read(), SERVICES)] == ["v1.2.0"]


def test_a_shallow_clone_is_refused_because_its_tags_are_incomplete(
    repository: Repository, tmp_path: Path
) -> None:
    for number in range(3):
        repository.commit(str(number), f"v1.0.{number}")
    clone = tmp_path / "shallow"
    source = f"file://{repository.folder}"
    command = ["git", "clone", "--quiet", "--depth=1", "--branch=v1.0.1", source, str(clone)]
    subprocess.run(command, check=True, capture_output=True)
    shallow = Repository.__new__(Repository)
    shallow.folder = clone
    with raises("release.history-shallow", "fetch-depth: 0"):
        current.current(shallow.read(), SERVICES)


def test_two_thousand_commits_with_as_many_tags(repository: Repository) -> None:
    lines = []
    for number in range(2000):
        lines += ["commit refs/heads/main", "committer a <a@example> 1700000000 +0000", "data 1", "x"]
        lines += [f"reset refs/tags/v1.{number}.0", "from refs/heads/main", ""]
    text = "\n".join(lines)
    subprocess.run(
        ["git", "-C", str(repository.folder), "fast-import", "--quiet"], input=text, text=True, check=True
    )
    read = repository.read()
    assert len(read.commits) == 2000
    assert [each.tag for each in current.current(read, SERVICES)] == ["v1.1999.0"]


def test_a_workflow_gets_one_line_of_json_and_people_a_table() -> None:
    releases = [Current("v1.2.3", "1.2.3"), Current("web/v2.0.0", "2.0.0", "web")]
    written = current.render(releases, "json")
    assert "\n" not in written
    assert json.loads(written) == [
        {"tag": "v1.2.3", "version": "1.2.3", "service": ""},
        {"tag": "web/v2.0.0", "version": "2.0.0", "service": "web"},
    ]
    assert current.render(releases, "table").splitlines()[1].split() == ["all", "1.2.3", "v1.2.3"]


def test_another_format_is_refused() -> None:
    with raises("release.unknown-format", "yaml", "table, json"):
        current.render([], "yaml")
