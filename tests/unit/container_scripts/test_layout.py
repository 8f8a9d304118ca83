"""What is read in the layout that BuildKit exports."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from ci.container_scripts import layout
from tests.unit import archives

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONFIG = {"architecture": "amd64", "config": {"User": "10001", "Healthcheck": {"StartInterval": 5}}}
FIRST, SECOND = os.urandom(3000), b"second" * 1000


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def members(path: Path, files: Mapping[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            else:
                tar.addfile(content)
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image of two gzipped layers."""
    archives.write(tmp_path / "image.tar", [zipped(FIRST), zipped(SECOND)], CONFIG)
    return tmp_path / "image.tar"


def facts(path: Path) -> dict[str, Any]:
    with tarfile.open(path) as tar:
        return layout.facts(tar)


def size(blob: bytes) -> int | None:
    return layout.uncompressed_size(io.BytesIO(blob), len(blob))


def test_facts_are_those_of_manifest_config_and_layers(image: Path) -> None:
    with tarfile.open(image) as tar:
        index = layout.read_json(tar, "index.json")
        manifest = layout.read_json(tar, layout.blob_path(index["manifests"][0]["digest"]))
    found = facts(image)
    first, second = zipped(FIRST), zipped(SECOND)
    assert found["digest"] == index["manifests"][0]["digest"]
    assert found["config_digest"] == manifest["config"]["digest"]
    assert found["layers"] == [
        {"digest": digest(packed), "diff_id": digest(plain), "size": len(packed)}
        for packed, plain in ((first, FIRST), (second, SECOND))
    ]
    assert found["size"] == len(first) + len(second)
    assert {key: found["config"][key] for key in CONFIG} == CONFIG


def test_sizes_without_compression_are_those_of_each_layer(image: Path) -> None:
    with tarfile.open(image) as tar:
        assert layout.sizes(tar) == {
            digest(zipped(FIRST)): len(FIRST),
            digest(zipped(SECOND)): len(SECOND),
        }


def test_a_layer_of_which_the_size_is_not_known_has_none(tmp_path: Path) -> None:
    zstd = b"\x28\xb5\x2f\xfd and more"
    packed = zipped(FIRST)
    config = {"rootfs": {"type": "layers", "diff_ids": [digest(FIRST), digest(SECOND)]}}
    blobs = {digest(data): data for data in (packed, zstd, json.dumps(config).encode())}
    manifest = {
        "config": {"digest": digest(json.dumps(config).encode())},
        "layers": [{"digest": digest(data), "size": len(data)} for data in (packed, zstd)],
    }
    text = json.dumps(manifest).encode()
    index = json.dumps({"manifests": [{"digest": digest(text)}]}).encode()
    files = {layout.blob_path(name): data for name, data in {**blobs, digest(text): text}.items()}
    path = members(tmp_path / "image.tar", {"index.json": index, **files})
    with tarfile.open(path) as tar:
        assert layout.sizes(tar) == {digest(packed): len(FIRST), digest(zstd): None}
    assert facts(path)["size"] == len(packed) + len(zstd)


def test_a_config_that_does_not_have_every_layer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    archives.write(path, [zipped(FIRST)], CONFIG)
    with tarfile.open(path) as tar:
        _, manifest, _ = layout.read_image(tar)
        config = tar.extractfile(layout.blob_path(manifest["config"]["digest"]))
        assert config
        changed = json.loads(config.read())
        changed["rootfs"]["diff_ids"] = []
        files = {member.name: tar.extractfile(member) for member in tar}
        contents = {name: file.read() for name, file in files.items() if file}
    contents[layout.blob_path(manifest["config"]["digest"])] = json.dumps(changed).encode()
    with pytest.raises(ValueError, match="zip"):
        facts(members(path, contents))


def test_an_image_for_several_platforms_is_refused(tmp_path: Path) -> None:
    index = {"manifests": [{"digest": digest(b"a")}, {"digest": digest(b"b")}]}
    with pytest.raises(ValueError, match="too many values"):
        facts(members(tmp_path / "image.tar", {"index.json": json.dumps(index).encode()}))


@pytest.mark.parametrize("name", ["blobs/sha256/gone", "blobs"])
def test_what_is_missing_or_no_file_is_named(name: str, tmp_path: Path) -> None:
    folder = tarfile.TarInfo("blobs")
    folder.type = tarfile.DIRTYPE
    path = members(tmp_path / "image.tar", {"blobs": folder})
    with tarfile.open(path) as tar, pytest.raises(ValueError, match=f"{name} is not a file"):
        layout.open_blob(tar, name)


@pytest.mark.parametrize("chunk", [1, 7, 64, layout.CHUNK])
def test_a_gzip_file_may_have_several_members(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "CHUNK", chunk)
    parts = [b"", FIRST[:500], b"", SECOND, b"x"]
    assert size(b"".join(map(zipped, parts))) == sum(map(len, parts))
    assert size(zipped(FIRST[:500])) == 500
    assert size(zipped(b"")) == 0


def test_a_large_layer_is_read_in_pieces() -> None:
    parts = [os.urandom(layout.CHUNK + 1), bytes(5 * layout.CHUNK)]
    assert size(b"".join(map(zipped, parts))) == sum(map(len, parts))


def test_a_layer_without_compression_is_as_large_as_it_is() -> None:
    assert size(FIRST) == len(FIRST)
    assert size(b"") == 0
    assert size(b"\x1f") == 1


def test_a_layer_in_zstd_has_no_known_size() -> None:
    assert size(b"\x28\xb5\x2f\xfd and more") is None


def test_a_blob_s_place_is_that_of_the_specification() -> None:
    assert layout.blob_path("sha256:ab:c") == "blobs/sha256/ab:c"


def test_the_commands_write_what_they_read(image: Path, tmp_path: Path) -> None:
    layout.main(["config", str(image), str(tmp_path / "config.json")])
    (tmp_path / "exported_at").write_text("1700000000\n")
    (tmp_path / "versions.json").write_text('{"Engine": "28.5.2"}')
    layout.main(["exported", str(tmp_path)])
    layout.main(["sizes", str(image), str(tmp_path / "sizes.json")])
    layout.main(["unpack", str(image), str(tmp_path / "layout")])
    exported = json.loads((tmp_path / "facts.json").read_text())
    written = exported["facts"]
    assert written == facts(image)
    assert (exported["exported_at"], exported["versions"]) == (1.7e9, {"Engine": "28.5.2"})
    sizes = json.loads((tmp_path / "sizes.json").read_text())
    assert list(sizes.values()) == [len(FIRST), len(SECOND)]
    assert json.loads((tmp_path / "config.json").read_text()) == written["config"]
    blob = tmp_path / "layout" / layout.blob_path(written["layers"][1]["digest"])
    assert gzip.decompress(blob.read_bytes()) == SECOND
    assert (tmp_path / "layout" / "index.json").is_file()


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_member_that_leaves_the_folder_is_refused(kind: bytes, tmp_path: Path) -> None:
    member = tarfile.TarInfo("../outside" if kind == tarfile.REGTYPE else "inside")
    member.type, member.linkname = kind, "../outside"
    path = members(tmp_path / "image.tar", {"index.json": b"{}", member.name: member})
    with pytest.raises(tarfile.FilterError, match="outside"):
        layout.main(["unpack", str(path), str(tmp_path / "layout")])
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("words", [[], ["exported"], ["other", "a", "b"], ["config", "a", "b", "c"]])
def test_wrong_use_prints_the_usage(words: list[str]) -> None:
    with pytest.raises(SystemExit, match=r"layout\.py unpack"):
        layout.main(words)
