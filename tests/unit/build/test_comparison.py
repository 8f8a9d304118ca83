from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from ci.build import comparison
from tests.raised import raises
from tests.unit.posture.layouts import Entry, make

if TYPE_CHECKING:
    from pathlib import Path


def image(folder: Path, files: dict[str, Entry], config: dict[str, Any] | None = None) -> comparison.Image:
    made = make(folder, files, config=config)
    return comparison.Image(
        digest=made.facts["digest"],
        config=made.facts["config"],
        layers=made.facts["layers"],
        contents=made.read.listing,
        made_by=["RUN make"],
        versions={"Engine": "29.0.1", "buildx": "v0.35.0"},
    )


def differences(tmp_path: Path, there: dict[str, Entry], here: dict[str, Entry]) -> list[str]:
    found = comparison.compare(
        {"web": image(tmp_path / "there", there)}, {"web": image(tmp_path / "here", here)}
    )
    return [f"{each.place}: {each.what}" for each in found]


def test_equal_files_in_other_layers_are_packed_differently(tmp_path: Path) -> None:
    found = differences(tmp_path, {"a": Entry(time=1)}, {"a": Entry(time=2)})
    assert found == ["image: digest differs, by how its layers are packed"]


def test_a_time_written_into_a_file_is_named(tmp_path: Path) -> None:
    there = {"app/stamp": Entry(b"built at 2030-01-15 08:00:01\n"), "app/b": Entry()}
    here = {"app/stamp": Entry(b"built at 2030-01-15 08:00:07\n"), "app/b": Entry()}
    (found,) = differences(tmp_path, there, here)
    assert found.startswith("layer 1 (RUN make): /app/stamp: content differs in numbers only: a time")


def test_an_unsorted_listing_is_named(tmp_path: Path) -> None:
    there, here = {"app/list": Entry(b"a\nb\nc\n")}, {"app/list": Entry(b"c\na\nb\n")}
    (found,) = differences(tmp_path, there, here)
    assert "/app/list: the same lines in another order" in found


@pytest.mark.parametrize(
    ("there", "here", "said"),
    [
        ({"a": Entry(b"x")}, {"a": Entry(b"yy")}, "/a: content differs (1 bytes there, 2 here)"),
        ({"a": Entry(mode=0o644)}, {"a": Entry(mode=0o755)}, "/a: mode 0644 there, 0755 here"),
        ({"a": Entry(uid=0)}, {"a": Entry(uid=7)}, "/a: owner 0:0 there, 7:7 here"),
        ({"a": Entry(), "b": Entry()}, {"b": Entry(), "a": Entry()}, "in another order, from /b on"),
        ({"a": Entry(), "b": Entry()}, {"a": Entry()}, "/b: only there"),
        ({"a": Entry()}, {"a": Entry(), "b": Entry()}, "/b: only here"),
    ],
)
def test_what_differs_in_a_layer(
    tmp_path: Path, there: dict[str, Entry], here: dict[str, Entry], said: str
) -> None:
    (found,) = differences(tmp_path, there, here)
    assert said in found


def test_a_config_that_differs_is_named_by_its_key(tmp_path: Path) -> None:
    there = image(tmp_path / "a", {"a": Entry()}, {"User": "1:1"})
    here = image(tmp_path / "b", {"a": Entry()}, {"User": "2:2"})
    (found,) = comparison.compare({"web": there}, {"web": here})
    assert (found.place, found.what) == ("config", "User: '1:1' there, '2:2' here")


def test_another_version_of_the_programs_that_built_is_named_first(tmp_path: Path) -> None:
    there = image(tmp_path / "a", {"a": Entry()})
    here = image(tmp_path / "b", {"a": Entry(b"other")})
    here = dataclasses.replace(here, versions={"Engine": "29.0.1", "containerd": "v2.2.0"})
    found = comparison.compare({"web": there}, {"web": here})
    assert [(each.place, each.what) for each in found[:2]] == [
        ("sandbox", "buildx v0.35.0 there, none here: it may pack an image differently"),
        ("sandbox", "containerd none there, v2.2.0 here: it may pack an image differently"),
    ]
    assert "/a: content differs" in found[2].what


def test_other_versions_that_make_the_same_image_are_no_difference(tmp_path: Path) -> None:
    there = image(tmp_path / "a", {"a": Entry()})
    here = dataclasses.replace(there, versions={})
    assert comparison.compare({"web": there}, {"web": here}) == []


def test_another_base_and_a_missing_image_are_named(tmp_path: Path) -> None:
    there = image(tmp_path / "a", {"a": Entry()})
    other = [{**there.layers[0], "digest": "sha256:other"}, there.layers[1]]
    here = dataclasses.replace(there, digest="sha256:x", layers=other)
    found = comparison.compare({"web": there, "api": there}, {"web": here})
    assert [(each.service, each.what) for each in found] == [
        ("api", "not built here"),
        ("web", "of the base image: another base"),
    ]


def test_what_was_written_is_read_and_equal(tmp_path: Path) -> None:
    made = {"web": image(tmp_path, {"a": Entry()})}
    there = comparison.read(comparison.write(made))
    assert comparison.compare(there, made) == []
    assert "equal" in comparison.text(made, [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"schema": 2, "images": {}}',
        '{"schema": 2, "kind": "build"}',
        '{"schema": 1, "kind": "build", "images": {}}',
    ],
)
def test_any_other_file_is_refused(text: str) -> None:
    with raises("reproduce.not-a-build-report", "--manifest"):
        comparison.read(text)


def test_the_error_names_image_layer_and_file(tmp_path: Path) -> None:
    made = {"web": image(tmp_path, {"a": Entry()})}
    with raises("reproduce.images-differ", match="not reproduced: web") as caught:
        comparison.text(made, [comparison.Difference("web", "layer 1 (RUN x)", "/a: content differs")])
    assert "web: layer 1 (RUN x): /a: content differs" in str(caught.value)
