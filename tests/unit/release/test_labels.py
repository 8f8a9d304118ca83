from __future__ import annotations

import pytest

from ci.release import labels
from tests.raised import raises

SHA = "860c1904a1ce19322e91ac35af1ab07466440c37"
BASE = "sha256:" + "b" * 64


def test_the_labels_are_the_specification_s_in_one_order() -> None:
    origin = labels.origin(
        SHA, "2026-03-01T12:00:00+02:00", source="git@github.com:team/shop.git", version="1.2.3"
    )
    assert list(labels.for_image("web", origin, base="python:3.13", base_digest=BASE).items()) == [
        ("org.opencontainers.image.base.digest", BASE),
        ("org.opencontainers.image.base.name", "python:3.13"),
        ("org.opencontainers.image.created", "2026-03-01T10:00:00Z"),
        ("org.opencontainers.image.revision", SHA),
        ("org.opencontainers.image.source", "https://github.com/team/shop"),
        ("org.opencontainers.image.title", "web"),
        ("org.opencontainers.image.version", "1.2.3"),
    ]


def test_what_is_not_known_is_left_out() -> None:
    found = labels.for_image("web", labels.origin(SHA, "2026-03-01T10:00:00Z"), base="", base_digest="")
    assert [name.rsplit(".", 1)[1] for name in found] == ["created", "revision", "title"]


@pytest.mark.parametrize("revision", ["", "HEAD", SHA[:7], SHA.upper(), SHA + "0"])
def test_what_is_no_full_commit_is_refused(revision: str) -> None:
    with raises("release.commit-invalid", match=f"--commit '{revision}'"):
        labels.origin(revision, "2026-03-01T10:00:00Z")


@pytest.mark.parametrize("created", ["", "yesterday", "1772359200", "2026-03-01", "2026-03-01T10:00:00"])
def test_what_is_no_time_with_a_zone_is_refused(created: str) -> None:
    with raises("release.created-invalid", match=f"--created '{created}'(.|\n)*%cI"):
        labels.origin(SHA, created)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("https://github.com/team/shop.git", "https://github.com/team/shop"),
        ("https://x-access-token:hunter2@github.com/team/shop", "https://github.com/team/shop"),
        ("ssh://git@github.com/team/shop.git", "https://github.com/team/shop"),
        ("https://dev.azure.com/team/_git/shop/", "https://dev.azure.com/team/_git/shop"),
    ],
)
def test_a_remote_becomes_a_web_address_without_a_token(source: str, expected: str) -> None:
    assert labels.origin(SHA, "2026-03-01T10:00:00Z", source=source).source == expected


def layer(digest: str, size: int = 1) -> dict[str, object]:
    return {"digest": digest, "size": size}


def test_the_layers_that_passed_may_be_released() -> None:
    labels.check_layers("web", [layer("a"), layer("b")], [layer("a"), layer("b")])


@pytest.mark.parametrize(
    "released",
    [[layer("a")], [layer("b"), layer("a")], [layer("a"), layer("b", 2)], [layer("a"), layer("c")], []],
)
def test_other_layers_are_refused(released: list[dict[str, object]]) -> None:
    with raises("release.layers-differ", match="service 'web'"):
        labels.check_layers("web", [layer("a"), layer("b")], released)
