from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ci.release import facts
from tests.unit.release.test_notes import DIGEST, RELEASE

NONE: list[dict[str, Any]] = [{"held": {}}]


def read(ref: str, version: str, images: list[dict[str, Any]]) -> dict[str, Any]:
    release = replace(RELEASE, ref=ref, version=version)
    data: dict[str, Any] = json.loads(facts.facts(release, images, base="v1.2.2"))
    return data


@pytest.mark.parametrize(
    ("ref", "version", "images", "prerelease", "latest"),
    [
        ("refs/tags/v1.2.3", "1.2.3", NONE, False, True),
        ("refs/tags/v1.3.0-rc.1", "1.3.0-rc.1", NONE, True, False),
        ("refs/tags/gateway/v1.2.3", "1.2.3", NONE, False, False),
        ("refs/tags/v1.1.9", "1.1.9", [{"held": {"latest": "1.2.3"}}], False, False),
        ("refs/heads/main", "", NONE, False, False),
    ],
)
def test_what_a_host_of_releases_has_to_know(
    ref: str, version: str, images: list[dict[str, Any]], *, prerelease: bool, latest: bool
) -> None:
    found = read(ref, version, images)
    assert (found["prerelease"], found["latest"]) == (prerelease, latest)


def test_the_digests_and_the_base_are_in_it() -> None:
    found = read("refs/tags/gateway/v1.2.3", "1.2.3", NONE)
    assert (found["tag"], found["service"], found["base"]) == ("gateway/v1.2.3", "gateway", "v1.2.2")
    assert found["images"] == {"web": f"ghcr.io/team/web@{DIGEST}"}
