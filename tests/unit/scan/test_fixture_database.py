"""The air-gapped network's Trivy and its database: versions that must agree, and the artifact's shape."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from airgap import trivy
from ci import references
from ci.scan import mirrors, scanner

AIRGAP = Path(trivy.__file__).parent
DAY = date(2026, 11, 25)


def required(module: str, folder: Path) -> str:
    found = re.search(
        rf"^(?:\t|require ){re.escape(module)} v(\S+)", (folder / "go.mod").read_text(), re.MULTILINE
    )
    assert found, f"{folder}/go.mod does not name {module}"
    return found[1]


def test_the_trivy_that_is_built_is_the_one_that_the_pipeline_pins() -> None:
    version = required("github.com/aquasecurity/trivy", AIRGAP / "images/trivy")
    pinned = references.parse(scanner.TRIVY, where="test")
    text = (AIRGAP / "images/trivy/image.toml").read_text()
    table = tomllib.loads(text)
    assert pinned.tag == version == table["version"]
    assert table["references"] == [pinned.without_digest]
    assert text.count(version) == 4
    assert table["go"]["ldflags"].endswith(f"app.ver={version}")


def test_the_database_is_written_by_the_library_that_trivy_reads_it_with() -> None:
    library = "github.com/aquasecurity/trivy-db"
    assert required(library, AIRGAP / "trivy") == required(library, AIRGAP / "images/trivy")


def test_the_map_has_every_mirror_that_the_pipeline_tries() -> None:
    there = trivy.images_map("127.0.0.1:5000")
    image = there.pop(mirrors.IMAGE)
    assert image == "127.0.0.1:5000/aquasecurity/trivy-db-image:2"
    assert set(there) == set(mirrors.DEFAULT)
    assert set(there.values()) == {"127.0.0.1:5000/aquasecurity/trivy-db:2"}


def test_each_advisory_has_a_source_and_no_two_have_one_id() -> None:
    data: dict[str, list[dict[str, Any]]] = json.loads((trivy.SOURCE / "advisories.json").read_text())
    advisories = [each for section in data.values() for each in section]
    assert len(advisories) >= 20
    assert all(
        re.match(r"(PYSEC|GHSA|GO)-|changelog of |Debian's security tracker", each["source"])
        for each in advisories
    )
    assert len({each["id"] for each in advisories}) == len(advisories)


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    program = tmp_path / "program"
    program.mkdir()
    stand_in = program / "database"
    stand_in.write_text(
        f"#!{sys.executable}\nimport gzip, sys\na = sys.argv\n"
        "gzip.open(a[a.index('-output') + 1] + '/db.tar.gz', 'wt').write(a[a.index('-updated') + 1])\n"
    )
    stand_in.chmod(0o755)
    layout = tmp_path / "layout"
    trivy.build(layout, program=program, work=tmp_path, log=tmp_path / "log", day=DAY)
    return layout


def blob(layout: Path, descriptor: dict[str, Any]) -> bytes:
    content: bytes = (layout / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
    assert hashlib.sha256(content).hexdigest() == descriptor["digest"].removeprefix("sha256:")
    assert len(content) == descriptor["size"]
    return content


def manifest(layout: Path, name: str) -> dict[str, Any]:
    (found,) = (
        each
        for each in json.loads((layout / "index.json").read_text())["manifests"]
        if each["annotations"] == {"org.opencontainers.image.ref.name": name}
    )
    read: dict[str, Any] = json.loads(blob(layout, found))
    return read


def test_the_artifact_is_what_trivy_demands(layout: Path) -> None:
    artifact = manifest(layout, "artifact")
    (layer,) = artifact["layers"]
    assert layer["mediaType"] == "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
    assert layer["annotations"] == {"org.opencontainers.image.title": "db.tar.gz"}
    assert gzip.decompress(blob(layout, layer)) == b"2026-11-25"
    assert artifact["config"]["mediaType"] == "application/vnd.aquasec.trivy.config.v1+json"


def test_the_image_has_the_same_archive_as_its_layer(layout: Path) -> None:
    image = manifest(layout, "image")
    (layer,) = image["layers"]
    assert layer["digest"] == manifest(layout, "artifact")["layers"][0]["digest"]
    assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
    config = json.loads(blob(layout, image["config"]))
    diff = hashlib.sha256(gzip.decompress(blob(layout, layer))).hexdigest()
    assert config["rootfs"]["diff_ids"] == [f"sha256:{diff}"]


def test_another_day_is_another_database() -> None:
    assert trivy.fingerprint(DAY) == trivy.fingerprint(DAY)
    assert trivy.fingerprint(DAY) != trivy.fingerprint(date(2026, 11, 26))


def test_the_java_database_has_what_the_advisories_are_about(tmp_path: Path) -> None:
    trivy.write_java(tmp_path / "java", DAY)
    archives = json.loads((trivy.SOURCE / "java.json").read_text())
    assert all(re.fullmatch(r"[0-9a-f]{40}", each["sha1"]) for each in archives)
    advisories = json.loads((trivy.SOURCE / "advisories.json").read_text())["maven"]
    assert {each["package"] for each in advisories} <= {
        f"{each['group']}:{each['artifact']}" for each in archives
    }
    first = (tmp_path / "java/trivy-java.db").read_bytes()
    trivy.write_java(tmp_path / "again", DAY)
    assert (tmp_path / "again/trivy-java.db").read_bytes() == first
