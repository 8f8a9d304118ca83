from __future__ import annotations

import json
from typing import Any

import pytest

from ci.release import labels, provenance
from tests.raised import raises

SHA = "860c1904a1ce19322e91ac35af1ab07466440c37"
IMAGE, BASE, SBOM = ("sha256:" + character * 64 for character in "abc")
ORIGIN = labels.origin(SHA, "2026-03-01T10:00:00Z", source="https://github.com/team/shop", version="1.2.3")
BUILD = provenance.Build(
    service="web",
    parameters={"dockerfile": "web/Dockerfile", "arguments": {"SERVICE": "web"}},
    materials={f"python:3.13-slim@{BASE}": BASE, f"ghcr.io/astral-sh/uv:0.12.23@{SBOM}": SBOM},
    byproducts={"sbom": SBOM},
    versions={"buildx": "v0.35.0"},
)


def statement(build: provenance.Build = BUILD, digest: str = IMAGE) -> bytes:
    return provenance.statement(
        build, ORIGIN, repository="ghcr.io/team/web", digest=digest, builder="https://ci/workflow"
    )


def test_the_statement_has_the_form_that_in_toto_and_slsa_ask_for() -> None:
    assert json.loads(statement()) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "ghcr.io/team/web", "digest": {"sha256": "a" * 64}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://github.com/team/shop#ci/images/v1",
                "externalParameters": {
                    "service": "web",
                    "dockerfile": "web/Dockerfile",
                    "arguments": {"SERVICE": "web"},
                },
                "resolvedDependencies": [
                    {"uri": f"git+https://github.com/team/shop@{SHA}", "digest": {"gitCommit": SHA}},
                    {
                        "uri": f"pkg:docker/astral-sh/uv@{SBOM}?repository_url=ghcr.io&tag=0.12.23",
                        "digest": {"sha256": "c" * 64},
                    },
                    {"uri": f"pkg:docker/python@{BASE}?tag=3.13-slim", "digest": {"sha256": "b" * 64}},
                ],
            },
            "runDetails": {
                "builder": {"id": "https://ci/workflow", "version": {"buildx": "v0.35.0"}},
                "byproducts": [{"name": "sbom", "digest": {"sha256": "c" * 64}}],
            },
        },
    }


def test_addresses_are_materials_by_what_they_are_and_one_without_a_digest_is_left_out() -> None:
    materials = {
        "https://example.com/x.git#main": f"sha1:{'d' * 40}",
        "https://example.com/archive.tar.gz": BASE,
        "https://example.com/none": "",
    }
    build = json.loads(statement(provenance.Build(service="web", materials=materials)))["predicate"]
    assert build["buildDefinition"]["resolvedDependencies"][1:] == [
        {"uri": "https://example.com/archive.tar.gz", "digest": {"sha256": "b" * 64}},
        {"uri": "https://example.com/x.git#main", "digest": {"sha1": "d" * 40}},
    ]


def test_the_same_facts_give_the_same_bytes() -> None:
    turned = provenance.Build(
        service="web",
        parameters=dict(reversed(list(BUILD.parameters.items()))),
        materials=dict(reversed(list(BUILD.materials.items()))),
        byproducts=BUILD.byproducts,
        versions=BUILD.versions,
    )
    assert statement(turned) == statement()


def test_a_statement_about_this_image_and_sbom_passes() -> None:
    provenance.check(statement(), digest=IMAGE, sbom=SBOM)


def changed(**values: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps({**json.loads(statement()), **values}).encode()


@pytest.mark.parametrize(
    ("code", "content", "text"),
    [
        ("provenance.wrong-subject", statement(digest=BASE), f"is about {'b' * 64}, not about {IMAGE}"),
        ("provenance.wrong-sbom", statement(provenance.Build(service="web")), r"names the SBOM \(none\)"),
        (
            "provenance.wrong-sbom",
            statement(provenance.Build(service="web", byproducts={"sbom": BASE})),
            f"names the SBOM {'b' * 64}, the one attached is {SBOM}",
        ),
        (
            "provenance.wrong-type",
            changed(predicateType="https://slsa.dev/provenance/v0.2"),
            r"is a https://slsa\.dev/provenance/v0\.2",
        ),
        ("provenance.wrong-subject", changed(subject=[]), "is about nothing"),
        ("provenance.unreadable", changed(predicate={}), r"is no SLSA provenance \(KeyError"),
        ("provenance.unreadable", b"{", "is no SLSA provenance"),
        ("provenance.unreadable", b"[]", "is no SLSA provenance"),
    ],
)
def test_any_other_statement_is_refused(code: str, content: bytes, text: str) -> None:
    with raises(code, match=text):
        provenance.check(content, digest=IMAGE, sbom=SBOM)
