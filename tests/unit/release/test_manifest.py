from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ci.release import manifest
from ci.release.manifest import Release, Released
from tests.raised import raises

if TYPE_CHECKING:
    from collections.abc import Callable

AGENT, GATEWAY, SBOM = ("sha256:" + character * 64 for character in "abc")


def released(service: str, digest: str) -> Released:
    return Released(
        service=service,
        reference=f"ghcr.io/team/{service}@{digest}",
        digest=digest,
        tags=("sha-1234567", "1.2.3"),
        size=10,
        uncompressed=20,
        sbom=SBOM,
        provenance=SBOM,
        gates={"scan": "passed", "posture": "passed"},
    )


RELEASE = Release(
    ref="refs/tags/v1.2.3",
    version="1.2.3",
    commit="860c1904a1ce19322e91ac35af1ab07466440c37",
    created="2026-03-01T10:00:00Z",
    registry="ghcr.io/team",
    images=(released("agent", AGENT), released("gateway", GATEWAY)),
)


def test_what_is_written_is_read() -> None:
    assert manifest.read(manifest.write(RELEASE)) == RELEASE


def test_the_order_of_the_run_does_not_matter() -> None:
    turned = replace(RELEASE, images=RELEASE.images[::-1])
    assert manifest.write(turned) == manifest.write(RELEASE)
    assert list(json.loads(manifest.write(RELEASE))["images"][0]["gates"]) == ["posture", "scan"]


def test_formatting_the_file_does_no_harm() -> None:
    assert manifest.read(json.dumps(json.loads(manifest.write(RELEASE)))) == RELEASE


def edit(change: Callable[[dict[str, Any]], None], *, sign: bool) -> str:
    data = json.loads(manifest.write(RELEASE))
    change(data)
    if sign:
        data.pop("checksum")
        data["checksum"] = manifest._checksum(data)  # noqa: SLF001 - what an attacker would do as well
    return json.dumps(data)


def set_digest(data: dict[str, Any]) -> None:
    data["images"][0]["digest"] = GATEWAY


@pytest.mark.parametrize(
    "change",
    [
        set_digest,
        lambda data: data["images"].pop(),
        lambda data: data["images"][0]["tags"].append("latest"),
        lambda data: data["images"][0]["gates"].update(scan="skipped"),
        lambda data: data.update(commit="0" * 40),
        lambda data: data.pop("checksum"),
    ],
)
def test_an_edited_file_is_refused(change: Callable[[dict[str, Any]], None]) -> None:
    with raises("release-manifest.changed", match=r"--manifest: it was changed after it was written"):
        manifest.read(edit(change, sign=False))


@pytest.mark.parametrize(
    ("code", "change", "text"),
    [
        ("release-manifest.reference-invalid", set_digest, "as reference of 'agent'"),
        (
            "release-manifest.digest-invalid",
            lambda data: data["images"][0].update(digest="latest"),
            "has 'latest' as digest of 'agent'",
        ),
        (
            "release-manifest.digest-invalid",
            lambda data: data["images"][0].update(sbom=None),
            "has null as sbom of 'agent'",
        ),
        (
            "release-manifest.wrong-fields",
            lambda data: data["images"][0].pop("size"),
            r"image agent: \['size'\]",
        ),
        (
            "release-manifest.wrong-fields",
            lambda data: data["images"][0].update(extra=1),
            r"image agent: \['extra'\]",
        ),
        ("release-manifest.no-images", lambda data: data.update(images=[]), "has no images"),
        ("release-manifest.wrong-fields", lambda data: data.pop("images"), "'images'"),
        ("release-manifest.wrong-fields", lambda data: data.update(other=1), "other"),
        ("release-manifest.wrong-schema", lambda data: data.update(schema=2), r"schema 1 \(found: 2\)"),
    ],
)
def test_a_file_of_another_form_is_refused_though_its_checksum_fits(
    code: str, change: Callable[[dict[str, Any]], None], text: str
) -> None:
    with raises(code, match=text):
        manifest.read(edit(change, sign=True))


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        ("release-manifest.not-json", "", "is not JSON"),
        ("release-manifest.wrong-schema", "[]", "found: list"),
        ("release-manifest.wrong-schema", "{}", "found: None"),
    ],
)
def test_what_is_no_manifest_is_refused(code: str, text: str, said: str) -> None:
    with raises(code, match=said):
        manifest.read(text)


def test_a_digest_of_the_manifest_is_found() -> None:
    assert RELEASE.image(GATEWAY).service == "gateway"
    assert RELEASE.image(f"ghcr.io/team/agent@{AGENT}").service == "agent"
    assert RELEASE.image("agent").service == "agent"


@pytest.mark.parametrize("reference", [SBOM, "ghcr.io/team/agent:1.2.3", ""])
def test_a_digest_that_is_not_in_the_manifest_is_refused(reference: str) -> None:
    with raises(
        "release-manifest.unknown-image",
        match=f"'{reference}' is not in the release manifest(.|\n)*agent={AGENT}",
    ):
        RELEASE.image(reference)
