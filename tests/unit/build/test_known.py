from __future__ import annotations

from ci.build.known import check_same
from tests.raised import raises

ONE, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def test_an_image_has_to_be_the_one_that_passed() -> None:
    check_same("web", ONE, ONE)
    with raises("evidence.image-differs") as caught:
        check_same("web", ONE, OTHER)
    assert all(text in caught.value.what for text in ("web", ONE, OTHER))
