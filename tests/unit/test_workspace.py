from __future__ import annotations

import pytest

from ci.workspace import literal


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("services/web", "services/web"),
        ("conf[1].yaml", "conf\\[1].yaml"),
        ("what?", "what\\?"),
        ("a*b", "a\\*b"),
        ("back\\slash", "back\\\\slash"),
    ],
)
def test_a_path_is_no_pattern(path: str, pattern: str) -> None:
    assert literal(path) == pattern
