"""An image for several platforms in release.json, and what is made of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ci.container_scripts.registry import platforms
from ci.release import facts, index, manifest, requests, summary
from ci.release.manifest import Platform
from tests.raised import raises
from tests.release import sets
from tests.unit.release.test_manifest import AGENT, GATEWAY, RELEASE, SBOM, released

ARM = "sha256:" + "d" * 64
INDEXED = replace(
    released("agent", AGENT),
    sbom="",
    provenance="",
    platforms=(
        Platform("linux/amd64", GATEWAY, 4, 8, SBOM, SBOM, {"scan": "passed"}),
        Platform("linux/arm64", ARM, 6, 12, SBOM, SBOM, {"unit tests": "skipped", "scan": "passed"}),
    ),
)
BOTH = replace(RELEASE, images=(INDEXED,))


def edited(**changes: Any) -> str:  # noqa: ANN401 - any JSON
    first = INDEXED.platforms[0]
    return manifest.write(replace(BOTH, images=(replace(INDEXED, platforms=(replace(first, **changes),)),)))


def signed(data: dict[str, Any]) -> str:
    """Return a changed manifest with the checksum that fits."""
    del data["checksum"]
    content = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return json.dumps({**data, "checksum": sets.digest_of(content.encode())})


def test_what_is_written_is_read_and_one_platform_is_written_as_before() -> None:
    assert manifest.read(manifest.write(BOTH)) == BOTH
    assert all("platforms" not in image for image in json.loads(manifest.write(RELEASE))["images"])


@pytest.mark.parametrize("name", ["digest", "sbom", "provenance"])
def test_a_digest_of_a_platform_that_is_none_is_refused(name: str) -> None:
    with raises("release-manifest.digest-invalid", f"{name} of 'agent' for linux/amd64"):
        manifest.read(edited(**{name: "latest"}))


def test_a_field_of_a_platform_that_is_not_known_is_refused() -> None:
    data = json.loads(manifest.write(BOTH))
    data["images"][0]["platforms"][1]["more"] = 1
    with raises("release-manifest.wrong-fields", "linux/arm64"):
        manifest.read(signed(data))


def test_each_digest_is_a_subject_and_a_reference() -> None:
    files = facts.files(BOTH, [{"held": {}}])
    names = [f"ghcr.io/team/agent@{digest}" for digest in (AGENT, GATEWAY, ARM)]
    assert files["references.txt"].splitlines() == names
    assert len(files["subjects.txt"].splitlines()) == 3
    assert json.loads(files["release-facts.json"])["images"] == {"agent": names[0]}


def test_the_table_has_each_platform_and_says_what_was_skipped() -> None:
    done = {"service": "agent", "digest": AGENT, "tags": ["1"], "moved": ["1"], "held": {}, "sent": 0}
    text = summary.text(BOTH, [done], dry_run=False)
    assert [line.split()[:2] for line in text.splitlines()[1:4]] == [
        ["agent", AGENT],
        ["agent", "(linux/amd64)"],
        ["agent", "(linux/arm64)"],
    ]
    assert text.splitlines()[-1] == "agent (linux/arm64): skipped: unit tests"


def test_what_is_promoted_and_verified_names_each_platform() -> None:
    expected = requests.expected(INDEXED)
    assert [each["platform"] for each in expected["platforms"]] == ["linux/amd64", "linux/arm64"]
    assert expected["platforms"][1]["facts"]["gates"] == {"unit tests": "skipped", "scan": "passed"}
    assert "platforms" not in requests.expected(released("agent", AGENT))


def test_outcomes_that_differ_are_all_named() -> None:
    gates = [{"scan": "passed", "unit tests": "passed"}, {"scan": "passed", "unit tests": "skipped"}]
    assert requests.gates(gates) == {"scan": "passed", "unit tests": "passed, skipped"}


def test_an_index_has_what_its_platforms_have_in_common() -> None:
    labels = [{"revision": "a", "base": "b"}, {"revision": "a", "base": "c"}]
    assert index.common(labels) == {"revision": "a"}
    config = {"architecture": "arm", "variant": "v7", "os": "linux", "config": {}}
    described = index.descriptor(b"{}", ARM, "application/json", config)
    content = index.make([described], {"b": "2", "a": "1"})
    assert index.digests(content) == {ARM}
    data = json.loads(content)
    assert list(data["annotations"]) == ["a", "b"]
    assert data["manifests"][0]["platform"] == {"architecture": "arm", "os": "linux", "variant": "v7"}


def test_what_was_sent_for_an_index_and_its_platforms_is_one_sum() -> None:
    single, several = {"service": "one"}, {"service": "two", "index": b"", "platforms": [{}, {}]}
    assert platforms.total([several, single], [1, 2, 4], [8]) == [11, 4]
