from __future__ import annotations

from dataclasses import replace

import pytest

from ci.release import manifest, stored
from tests.raised import raises
from tests.unit.release.test_notes import DIGEST, IMAGE, RELEASE

REFERENCE = "ghcr.io/team/web:1.2.3"
TEXT = manifest.write(RELEASE)
ELSEWHERE = manifest.write(
    replace(
        RELEASE,
        registry="r.example/team",
        images=(replace(IMAGE, reference=f"r.example/team/web@{DIGEST}"),),
    )
)


def test_a_release_is_composed_of_what_was_asked_and_what_was_done() -> None:
    about = {name: getattr(RELEASE, name) for name in ("ref", "version", "commit", "created", "registry")}
    done = {
        **{name: getattr(IMAGE, name) for name in ("service", "reference", "digest", "sbom", "provenance")},
        "tags": ["1.2.3"],
    }
    facts = {"size": 1, "uncompressed": 2, "gates": {}}
    assert stored.compose(about, [facts], [done]) == RELEASE


@pytest.mark.parametrize("others", [[], [ELSEWHERE], ["{}", "no JSON", TEXT.replace("1.2.3", "1.2.4")]])
def test_the_release_of_this_repository_is_chosen(others: list[str]) -> None:
    assert stored.choose([*others, TEXT], REFERENCE, digest=DIGEST, tag="1.2.3") == RELEASE
    by_digest = f"ghcr.io/team/web@{DIGEST}"
    assert stored.choose([TEXT, *others], by_digest, digest=DIGEST, tag="") == RELEASE


def test_of_several_it_is_the_one_with_the_tag() -> None:
    main = manifest.write(
        replace(RELEASE, ref="refs/heads/main", version="", images=(replace(IMAGE, tags=("main", "edge")),))
    )
    for texts in ([TEXT, main], [main, TEXT]):
        assert stored.choose(texts, REFERENCE, digest=DIGEST, tag="1.2.3").version == "1.2.3"
        branch = "ghcr.io/team/web:main"
        assert stored.choose(texts, branch, digest=DIGEST, tag="main").ref == "refs/heads/main"


@pytest.mark.parametrize("texts", [[], [ELSEWHERE], ["{}"]])
def test_an_image_without_one_is_an_error(texts: list[str]) -> None:
    with raises("release-manifest.not-stored", REFERENCE, DIGEST):
        stored.choose(texts, REFERENCE, digest=DIGEST, tag="1.2.3")
