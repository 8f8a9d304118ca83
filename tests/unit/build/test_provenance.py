"""What is read in the metadata that Bake writes: materials, and the base by its layers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ci.build import provenance
from ci.build.provenance import Material

BUILDKIT = "https://mobyproject.org/buildkit@v1#metadata"
PYTHON, UV, REDIS, OTHER = (f"sha256:{digit * 64}" for digit in "1234")
PLATFORM = "platform=linux%2Famd64"


def material(uri: str, digest: str) -> dict[str, Any]:
    kind, _, value = digest.partition(":")
    return {"uri": uri, "digest": {kind: value}}


def source(step: int, identifier: str) -> dict[str, Any]:
    return {"id": f"step{step}", "op": {"Op": {"source": {"identifier": identifier}}}}


def layer(name: str) -> dict[str, Any]:
    return {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": f"sha256:{name}", "size": 1}


# As recorded of `FROM python:3.13@sha256:…`, `COPY --from=ghcr.io/astral-sh/uv:0.9` and an ADD of an address,
# without what nobody reads here.
RECORDED: dict[str, Any] = {
    "buildType": "https://mobyproject.org/buildkit@v1",
    "materials": [
        material("pkg:docker/ghcr.io/astral-sh/uv@0.9?" + PLATFORM, UV),
        material(f"pkg:docker/python@3.13?digest={PYTHON.replace(':', '%3A')}&{PLATFORM}", PYTHON),
        material("https://example.com/archive.tar.gz", OTHER),
    ],
    "buildConfig": {
        "llbDefinition": [
            source(0, "local://context"),
            source(1, f"docker-image://docker.io/library/python:3.13@{PYTHON}"),
            source(2, f"docker-image://ghcr.io/astral-sh/uv:0.9@{UV}"),
            source(3, "https://example.com/archive.tar.gz"),
            {"id": "step4", "op": {"Op": {"exec": {"meta": {"args": ["/bin/sh", "-c", "make"]}}}}},
            {"id": "step5", "op": {"Op": None}},
        ]
    },
    "metadata": {
        "buildInvocationID": "x",
        BUILDKIT: {
            "layers": {
                "step1:0": [[layer("debian"), layer("python")]],
                "step2:0": [[layer("uv")]],
                "step4:0": [[layer("debian"), layer("python"), layer("made")]],
            }
        },
    },
}


def read(recorded: dict[str, Any], target: str = "web") -> provenance.Provenance:
    whole = {"job": {"buildx.build.provenance": {}}, target: {"buildx.build.provenance": recorded}}
    return provenance.read(json.dumps(whole), target)


def of_images(*images: tuple[str, str, tuple[str, ...]]) -> provenance.Provenance:
    """Return the provenance of a build on images: each a name of package URLs, its full name, its layers."""
    return read(
        {
            "materials": [material(f"pkg:docker/{name}", OTHER) for name, _, _ in images],
            "buildConfig": {
                "llbDefinition": [
                    source(number, f"docker-image://{full}@{OTHER}")
                    for number, (_, full, _) in enumerate(images)
                ]
            },
            "metadata": {
                BUILDKIT: {
                    "layers": {
                        f"step{number}:0": [[layer(each) for each in layers]]
                        for number, (_, _, layers) in enumerate(images)
                    }
                }
            },
        }
    )


def layers(*names: str) -> list[str]:
    return [f"sha256:{name}" for name in names]


def test_images_are_materials_and_the_rest_is_beside_them() -> None:
    found = read(RECORDED)
    assert found.materials == (
        Material("ghcr.io/astral-sh/uv:0.9", UV, pinned=False),
        Material("python:3.13", PYTHON, pinned=True),
    )
    assert found.others == {"https://example.com/archive.tar.gz": OTHER}


def test_a_material_is_written_as_a_pinned_reference() -> None:
    assert str(read(RECORDED).materials[0]) == f"ghcr.io/astral-sh/uv:0.9@{UV}"


def test_the_target_that_is_asked_for_is_read() -> None:
    metadata = json.dumps({n: {"buildx.build.provenance": r} for n, r in (("web", RECORDED), ("job", {}))})
    assert len(provenance.read(metadata, "web").materials) == 2
    assert provenance.read(metadata, "job") == provenance.Provenance((), {}, {})


@pytest.mark.parametrize(
    ("url", "reference", "pinned"),
    [
        ("redis@7", "redis:7", False),
        ("redis@latest?platform=linux%2Famd64", "redis:latest", False),
        (f"redis@7?digest={REDIS}&{PLATFORM}", "redis:7", True),
        (f"redis@7?{PLATFORM}&digest={REDIS}", "redis:7", True),
        (f"redis?digest={REDIS}&{PLATFORM}", "redis", True),
        (f"redis@{REDIS.replace(':', '%3A')}?{PLATFORM}", "redis", True),
        ("bitnami/redis@7", "bitnami/redis:7", False),
        ("127.0.0.1:5000/team/redis@7", "127.0.0.1:5000/team/redis:7", False),
        ("127.0.0.1%3A5000/team/redis@7", "127.0.0.1:5000/team/redis:7", False),
        ("redis@7.2%2Bdigest?platform=linux%2Famd64", "redis:7.2+digest", False),
    ],
)
def test_a_reference_is_pinned_if_it_was_asked_for_by_digest(
    url: str, reference: str, *, pinned: bool
) -> None:
    (found,) = read({"materials": [material(f"pkg:docker/{url}", REDIS)]}).materials
    assert found == Material(reference, REDIS, pinned)


def test_a_repository_is_known_by_its_commit_and_what_has_no_digest_by_none() -> None:
    commit = "a" * 40
    found = read(
        {
            "materials": [
                {"uri": "https://example.com/x.git#main", "digest": {"sha1": commit}},
                {"uri": "https://example.com/none"},
            ]
        }
    )
    assert found.materials == ()
    assert found.others == {
        "https://example.com/x.git#main": f"sha1:{commit}",
        "https://example.com/none": "",
    }


def test_the_base_is_the_image_that_the_layers_begin_with() -> None:
    base, count = read(RECORDED).base(layers("debian", "python", "own"))
    assert (str(base), count) == (f"python:3.13@{PYTHON}", 2)


def test_an_image_without_layers_of_its_own_is_its_base() -> None:
    base, count = read(RECORDED).base(layers("debian", "python"))
    assert (base and base.reference, count) == ("python:3.13", 2)


def test_an_image_of_which_only_files_are_copied_is_no_base() -> None:
    assert read(RECORDED).base(layers("copied", "uv")) == (None, 0)
    assert read(RECORDED).base(layers("debian")) == (None, 0)


def test_scratch_has_no_layers_and_is_no_material() -> None:
    assert read({"materials": None}).base(layers("own")) == (None, 0)
    assert read(RECORDED).base([]) == (None, 0)


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_images_that_fit_the_longer_is_the_base(*, turned: bool) -> None:
    short = ("debian@13", "docker.io/library/debian:13", ("debian",))
    long = ("team/python@3", "docker.io/team/python:3", ("debian", "python"))
    found = of_images(*((long, short) if turned else (short, long)))
    base, count = found.base(layers("debian", "python", "own"))
    assert (base and base.reference, count) == ("team/python:3", 2)


def test_of_two_images_with_the_same_layers_the_first_is_the_base() -> None:
    found = of_images(
        ("team/python@3", "docker.io/team/python:3", ("debian", "python")),
        ("python@3.13", "docker.io/library/python:3.13", ("debian", "python")),
    )
    base, count = found.base(layers("debian", "python", "own"))
    assert (base and base.reference, count) == ("team/python:3", 2)


def test_layers_are_those_of_the_image_and_not_of_a_step_on_it() -> None:
    found = read(RECORDED)
    assert found.sources == {
        f"python:3.13@{PYTHON}": ("sha256:debian", "sha256:python"),
        f"ghcr.io/astral-sh/uv:0.9@{UV}": ("sha256:uv",),
    }


def test_a_source_is_found_by_the_name_that_package_urls_have() -> None:
    found = of_images(
        ("bitnami/redis@7", "docker.io/bitnami/redis:7", ("a",)),
        ("127.0.0.1:5000/library/redis@7", "127.0.0.1:5000/library/redis:7", ("b",)),
    )
    assert set(found.sources) == {str(each) for each in found.materials}


def test_an_image_that_the_build_did_not_need_has_no_layers() -> None:
    unused = {**RECORDED, "metadata": {BUILDKIT: {"layers": {}}}}
    assert read(unused).sources == {}
    assert read({**RECORDED, "metadata": {}}).base(layers("debian", "python")) == (None, 0)


def test_materials_without_recorded_layers_are_named() -> None:
    assert read(RECORDED).without_layers() == []
    unused = {**RECORDED, "metadata": {BUILDKIT: {"layers": {}}}}
    assert read(unused).without_layers() == list(read(RECORDED).materials)
