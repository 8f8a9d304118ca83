from __future__ import annotations

import pytest

from ci.release import version
from tests.raised import raises


@pytest.mark.parametrize(
    ("released", "declared"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2.3-rc.1", "1.2.3rc1"),
        ("1.2.3-rc.1", "1.2.3-rc.1"),
        ("1.2.3-beta.67", "1.2.3b67"),
        ("1.2.3-alpha.2", "1.2.3a2"),
        ("1.2.3-dev.4", "1.2.3.dev4"),
    ],
)
def test_the_same_version_in_both_spellings(released: str, declared: str) -> None:
    version.check(released, declared, where="pyproject.toml")


@pytest.mark.parametrize(
    ("released", "declared"),
    [
        ("1.2.3", "1.2.4"),
        ("1.2.3", "1.2.3rc1"),
        ("1.2.3-rc.1", "1.2.3-rc.2"),
        ("1.2.3", ""),
        ("1.2.30", "1.2.3"),
    ],
)
def test_another_version_is_refused_with_both(released: str, declared: str) -> None:
    with raises("version.tag-differs", match=f"releases {released}, pyproject.toml says {declared}"):
        version.check(released, declared, where="pyproject.toml")


def test_the_version_is_read() -> None:
    assert version.read('[project]\nversion = "1.2.3"\n', where="pyproject.toml") == "1.2.3"


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        ("version.not-toml", "[project", "pyproject.toml: not TOML"),
        ("version.not-declared", "[project]\n", "no project.version"),
        ("version.not-declared", "project = 1", "no project"),
    ],
)
def test_a_file_without_a_version_is_refused(code: str, text: str, said: str) -> None:
    with raises(code, match=said):
        version.read(text, where="pyproject.toml")


def test_other_files_declare_a_version_too() -> None:
    assert version.read('{"name": "web", "version": "2.0.1"}', where="web/package.json") == "2.0.1"
    assert version.read("v1.4.0\n", where="VERSION") == "1.4.0"


@pytest.mark.parametrize(
    ("code", "text", "where"),
    [
        ("version.not-json", "{", "package.json"),
        ("version.not-declared", "[]", "package.json"),
        ("version.not-declared", '{"version": 2}', "package.json"),
        ("version.not-one-line", "", "VERSION"),
        ("version.not-one-line", "1.2.3\nfix it\n", "VERSION"),
    ],
)
def test_a_file_without_a_version_is_named(code: str, text: str, where: str) -> None:
    with raises(code, match=where):
        version.read(text, where=where)
