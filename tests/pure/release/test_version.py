from __future__ import annotations

import pytest

from ci.errors import PipelineError
from ci.release import version


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
    with pytest.raises(PipelineError, match=f"releases {released}, pyproject.toml says {declared}"):
        version.check(released, declared, where="pyproject.toml")


def test_the_version_is_read() -> None:
    assert version.read('[project]\nversion = "1.2.3"\n', where="pyproject.toml") == "1.2.3"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[project", "pyproject.toml: not TOML"),
        ("[project]\n", "no project.version"),
        ("project = 1", "no project"),
    ],
)
def test_a_file_without_a_version_is_refused(text: str, said: str) -> None:
    with pytest.raises(PipelineError, match=said):
        version.read(text, where="pyproject.toml")
