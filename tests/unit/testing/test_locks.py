"""Locks of Poetry and PDM as requirements that pip and uv read."""

from __future__ import annotations

from packaging.requirements import Requirement

from ci.testing import locks
from tests.raised import raises

LOCK = """
[[package]]
name = "fastapi"
version = "0.1"
groups = ["main"]
files = [{file = "a.whl", hash = "sha256:11"}, {file = "a.tar.gz", hash = "sha256:12"}]

[[package]]
name = "pytest"
version = "9.2.0"
groups = ["dev"]
markers = "python_version >= \\"3.10\\""
files = [{file = "b.whl", hash = "sha256:21"}]

[[package]]
name = "colorama"
version = "1.0"
groups = ["main", "dev"]
markers = {main = "sys_platform == \\"win32\\"", dev = "os_name == \\"nt\\""}
files = [{file = "c.whl", hash = "sha256:31"}]

[[package]]
name = "sphinx"
version = "8"
groups = ["docs"]
files = [{file = "d.whl", hash = "sha256:41"}]

[[package]]
name = "own"
version = "0"
groups = ["dev"]
files = []
[package.source]
type = "directory"
url = "../own"
"""


def lines(text: str, group: str) -> list[str]:
    return locks.requirements(text, group, where="poetry.lock").splitlines()


def test_a_group_and_the_main_dependencies_are_there_with_hashes() -> None:
    found = lines(LOCK, "dev")
    assert found[0] == "fastapi==0.1 --hash=sha256:11 --hash=sha256:12"
    named = [Requirement(line.partition(" --hash")[0]) for line in found]
    assert [each.name for each in named] == ["fastapi", "pytest", "colorama"]
    assert str(named[1].marker) == 'python_version >= "3.10"'
    assert str(named[2].marker) == 'os_name == "nt"'


def test_groups_are_those_that_packages_have() -> None:
    assert locks.groups(LOCK, where="poetry.lock") == {"dev", "docs"}


def test_a_lock_without_groups_is_installed_whole() -> None:
    text = "".join(
        line for line in LOCK.splitlines(keepends=True) if not line.startswith(("groups", "markers"))
    )
    assert locks.groups(text, where="poetry.lock") == set()
    assert len(lines(text, "dev")) == 4


def test_pdm_writes_a_marker_and_default() -> None:
    text = """
[[package]]
name = "pytest"
version = "9"
groups = ["default", "test"]
marker = "os_name == 'posix'"
files = [{file = "b.whl", hash = "sha256:21"}]

[[package]]
name = "own"
version = "0"
path = "."
groups = ["default"]
"""
    assert lines(text, "test") == ["pytest==9 ; os_name == 'posix' --hash=sha256:21"]


def test_what_cannot_be_checked_is_refused() -> None:
    with raises("test.lock-without-hashes", match="pytest 9"):
        lines('[[package]]\nname = "pytest"\nversion = "9"\n', "test")
    with raises("test.lock-unreadable", match=r"poetry\.lock"):
        lines("[", "test")
