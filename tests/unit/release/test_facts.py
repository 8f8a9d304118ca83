from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ci.release import facts
from tests.unit.release.test_notes import DIGEST, RELEASE

NONE: list[dict[str, Any]] = [{"held": {}}]


def read(ref: str, version: str, images: list[dict[str, Any]]) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(written(ref, version, images)["release-facts.json"])
    return data


def written(ref: str, version: str, images: list[dict[str, Any]] = NONE) -> dict[str, str]:
    release = replace(RELEASE, ref=ref, version=version)
    return facts.files(release, images, base="v1.2.2")


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


@pytest.mark.parametrize(
    ("ref", "version", "lines"),
    [
        ("refs/tags/v1.2.3", "1.2.3", ["1.2.3", "false", "true"]),
        ("refs/tags/v1.3.0-rc.1", "1.3.0-rc.1", ["1.3.0-rc.1", "true", "false"]),
        ("refs/tags/gateway/v1.2.3", "1.2.3", ["gateway 1.2.3", "false", "false"]),
    ],
)
def test_a_workflow_gets_title_prerelease_and_latest_as_variables(
    ref: str, version: str, lines: list[str]
) -> None:
    keys = ("RELEASE_TITLE", "RELEASE_PRERELEASE", "RELEASE_LATEST")
    expected = [f"{key}={value}" for key, value in zip(keys, lines, strict=True)]
    assert written(ref, version)["release.env"].splitlines() == expected


def test_what_attests_and_signs_gets_each_image_on_a_line() -> None:
    found = written("refs/tags/v1.2.3", "1.2.3")
    assert found["subjects.txt"] == f"{DIGEST.removeprefix('sha256:')}  ghcr.io/team/web\n"
    assert found["references.txt"] == f"ghcr.io/team/web@{DIGEST}\n"
