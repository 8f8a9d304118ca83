from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from ci.inside import artefact
from tests.pure import archives

if TYPE_CHECKING:
    from pathlib import Path

BASE_TIME = 1_700_000_000


def layer(entries: list[tuple[str, bytes | str, dict[str, Any]]], mtime: float) -> bytes:
    """Make a gzipped layer; text content is a hard link's target."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content, attributes in entries:
            member = tarfile.TarInfo(name)
            member.mtime = mtime
            member.pax_headers = attributes.get("pax", {})
            member.mode = attributes.get("mode", 0o644)
            member.uid = attributes.get("uid", 0)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.LNKTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), mtime=int(mtime))


def image(path: Path, layers: list[bytes], created: str, by: list[str] | None = None) -> None:
    """Write an image's tar as an engine exports it; `by` is what it says made each layer."""
    config = {
        "created": created,
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": "10001",
            "Healthcheck": {"Test": ["CMD", "true"], "StartInterval": 500_000_000},
            "Volumes": {"/data": {}},
        },
        "history": [
            {"created": created, "created_by": "ENV", "empty_layer": True},
            *({"created": created, "created_by": text} for text in by or ["engine"] * len(layers)),
        ],
    }
    archives.write(path, layers, config)


def own_layer(mtime: float) -> bytes:
    return layer(
        [
            ("app/main.py", b"print()", {"mode": 0o755, "uid": 7}),
            ("app/link.py", "app/main.py", {}),
            ("app/.wh.gone", b"", {}),
            (
                "app/caps",
                b"x",
                {"pax": {"SCHILY.xattr.security.capability": "\x01\x02", "mtime": f"{mtime}"}},
            ),
        ],
        mtime,
    )


def make(folder: Path, mtime: float, created: str) -> dict[str, Any]:
    base = layer([("etc/os-release", b"debian", {})], BASE_TIME)
    return made(folder, [base], [base, own_layer(mtime)], created)


def made(
    folder: Path, base: list[bytes], layers: list[bytes], created: str, by: list[str] | None = None
) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    (folder / "made").mkdir()
    image(folder / "base.tar", base, created)
    image(folder / "image.tar", layers, created, by)
    return again(folder)


def again(folder: Path) -> dict[str, Any]:
    steps = [["COPY a /a", "RUN b"], ["COPY c /c"]]
    tars = (folder / "image.tar", folder / "base.tar")
    return artefact.make(*tars, steps, folder / "output", folder / "made")


def read_layer(folder: Path, digest: str) -> dict[str, tarfile.TarInfo]:
    blob = folder / "output" / "layout" / artefact.blob_path(digest)
    with tarfile.open(blob) as tar:
        return {member.name: member for member in tar}


def test_two_builds_of_one_source_give_one_digest(tmp_path: Path) -> None:
    first = make(tmp_path / "first", 1_800_000_000.25, "2027-01-15T08:00:00Z")
    second = make(tmp_path / "second", 1_900_000_000.5, "2030-03-17T17:46:40Z")
    assert first["digest"] == second["digest"]


def test_another_source_gives_another_digest(tmp_path: Path) -> None:
    first = make(tmp_path / "first", 1, "2027-01-15T08:00:00Z")
    base = layer([("etc/os-release", b"debian", {})], BASE_TIME)
    changed = layer([("app/main.py", b"print(1)", {})], 1)
    second = made(tmp_path / "second", [base], [base, changed], "2027-01-15T08:00:00Z")
    assert first["digest"] != second["digest"]


def test_base_layers_stay_byte_for_byte(tmp_path: Path) -> None:
    facts = make(tmp_path / "one", 5, "2027-01-15T08:00:00Z")
    base, own = facts["layers"]
    assert base["base"]
    assert not own["base"]
    assert read_layer(tmp_path / "one", base["digest"])["etc/os-release"].mtime == BASE_TIME
    assert base["uncompressed"] == 10240


def test_everything_but_the_times_is_kept(tmp_path: Path) -> None:
    facts = make(tmp_path / "one", 1_800_000_000.25, "2027-01-15T08:00:00Z")
    members = read_layer(tmp_path / "one", facts["layers"][1]["digest"])
    assert list(members) == ["app/main.py", "app/link.py", "app/.wh.gone", "app/caps"]
    assert {member.mtime for member in members.values()} == {artefact.EPOCH}
    assert (members["app/main.py"].mode, members["app/main.py"].uid) == (0o755, 7)
    assert members["app/link.py"].islnk()
    assert members["app/link.py"].linkname == "app/main.py"
    assert members["app/caps"].pax_headers == {"SCHILY.xattr.security.capability": "\x01\x02"}


def test_the_config_keeps_every_field(tmp_path: Path) -> None:
    config = make(tmp_path / "one", 5, "2027-01-15T08:00:00Z")["config"]
    assert config["created"] == artefact.EPOCH_TEXT
    assert {entry["created"] for entry in config["history"]} == {artefact.EPOCH_TEXT}
    assert [entry["created_by"] for entry in config["history"]][1:] == ["COPY c /c"]
    assert config["history"][0]["created_by"].startswith("base image layer sha256:")
    assert config["config"]["Healthcheck"]["StartInterval"] == 500_000_000
    assert config["config"]["Volumes"] == {"/data": {}}


def test_the_digests_in_the_layout_are_those_of_its_blobs(tmp_path: Path) -> None:
    make(tmp_path / "one", 5, "2027-01-15T08:00:00Z")
    blobs = sorted((tmp_path / "one" / "output" / "layout" / "blobs" / "sha256").iterdir())
    assert len(blobs) == 4
    assert [hashlib.sha256(blob.read_bytes()).hexdigest() for blob in blobs] == [blob.name for blob in blobs]


def test_a_base_that_is_not_the_image_s_is_not_kept(tmp_path: Path) -> None:
    other = layer([("etc/os-release", b"other", {})], BASE_TIME)
    facts = made(tmp_path / "one", [other], [own_layer(7)], "2027-01-15T08:00:00Z")
    assert [entry["base"] for entry in facts["layers"]] == [False]


def test_there_may_be_no_base(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    image(tmp_path / "image.tar", [own_layer(7)], "2027-01-15T08:00:00Z")
    arguments = (tmp_path / "image.tar", None, [["ADD x /"]], tmp_path / "output", tmp_path / "made")
    facts = artefact.make(*arguments)
    assert [entry["base"] for entry in facts["layers"]] == [False]
    assert facts["config"]["history"] == [{"created": artefact.EPOCH_TEXT, "created_by": "ADD x /"}]


def test_a_base_that_the_engine_packed_itself_is_what_it_was_in_its_registry(tmp_path: Path) -> None:
    """As after a start of the engine: it has the files of a layer still, and no blob of it any more."""
    base = [layer([(name, b"x", {})], BASE_TIME) for name in ("etc/first", "etc/second")]
    packed = [layer([(name, b"x", {})], BASE_TIME + 1) for name in ("etc/first", "etc/second")]
    when = "2027-01-15T08:00:00Z"
    fresh = made(tmp_path / "fresh", base, [*base, own_layer(7)], when)
    kept = artefact.RESTORED
    for name, layers, by in (
        ("all", packed, [kept] * 3),
        ("one", [packed[0], base[1]], [kept, "import image layer", "engine"]),
    ):
        facts = made(tmp_path / name, base, [*layers, own_layer(9)], when, by)
        assert facts["digest"] == fresh["digest"], name
        assert facts["layers"] == fresh["layers"]
    other = made(tmp_path / "other", base, [*packed, own_layer(9)], when, ["engine"] * 3)
    assert [entry["base"] for entry in other["layers"]] == [False] * 3


def test_a_step_that_changed_nothing_has_no_layer(tmp_path: Path) -> None:
    """An engine makes an empty one of it, or none: that depends on what else it has built."""
    base, empty = layer([("etc/os-release", b"debian", {})], BASE_TIME), layer([], 5)
    when = "2027-01-15T08:00:00Z"
    without = made(tmp_path / "without", [base], [base, own_layer(5)], when)
    with_it = made(tmp_path / "with", [base], [base, empty, own_layer(5)], when)
    assert with_it["digest"] == without["digest"]
    assert len(with_it["layers"]) == len(with_it["config"]["rootfs"]["diff_ids"]) == 2
    assert len(with_it["config"]["history"]) == 2


def test_an_empty_layer_of_the_base_stays(tmp_path: Path) -> None:
    base = [layer([("etc/os-release", b"debian", {})], BASE_TIME), layer([], BASE_TIME)]
    facts = made(tmp_path, base, [*base, own_layer(5)], "2027-01-15T08:00:00Z")
    assert [entry["base"] for entry in facts["layers"]] == [True, True, False]


def test_a_base_that_was_packed_anew_is_told(tmp_path: Path) -> None:
    """Then it is not what its registry has, and no engine can tell what that was."""
    told = []
    for name, by in (("pulled", "ADD rootfs"), ("packed", artefact.RESTORED)):
        (tmp_path / name / "made").mkdir(parents=True)
        when = "2027-01-15T08:00:00Z"
        image(tmp_path / name / "base.tar", [layer([("etc/first", b"x", {})], BASE_TIME)], when, [by])
        shutil.copy(tmp_path / name / "base.tar", tmp_path / name / "image.tar")
        told.append(again(tmp_path / name)["base_repacked"])
    assert told == [False, True]


def test_the_packed_layout_is_the_same_for_the_same_layout(tmp_path: Path) -> None:
    packed = []
    for name, mtime in (("first", 5), ("second", 9)):
        make(tmp_path / name, mtime, "2027-01-15T08:00:00Z")
        artefact.pack(tmp_path / name / "output" / "layout", tmp_path / name / "packed.tar")
        packed.append((tmp_path / name / "packed.tar").read_bytes())
    assert packed[0] == packed[1]


def test_what_was_made_before_gives_the_same_image(tmp_path: Path) -> None:
    first = make(tmp_path / "one", 5, "2027-01-15T08:00:00Z")
    layout = tmp_path / "one" / "output" / "layout"
    before = {path.name: path.read_bytes() for path in layout.rglob("*") if path.is_file()}
    shutil.rmtree(tmp_path / "one" / "output")
    assert again(tmp_path / "one") == first
    assert {path.name: path.read_bytes() for path in layout.rglob("*") if path.is_file()} == before


def test_wrong_use_prints_the_usage() -> None:
    with pytest.raises(SystemExit, match=r"ci\.inside\.artefact make"):
        artefact.main(["unknown"])
