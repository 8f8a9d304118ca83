from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from ci.container_scripts import label
from tests.release import layouts

if TYPE_CHECKING:
    from pathlib import Path

LABELS = {
    "org.opencontainers.image.created": "2026-03-01T10:00:00Z",
    "org.opencontainers.image.title": "wéb",
}
CONFIG = {
    "created": "1980-01-01T00:00:00Z",
    "architecture": "amd64",
    "os": "linux",
    "config": {
        "User": "10001",
        "Healthcheck": {"Test": ["CMD", "true"], "StartInterval": 500_000_000},
        "Labels": {"team": "ai"},
        "ArgsEscaped": True,
    },
    "history": [{"created_by": "COPY é", "empty_layer": False}],
    "x.vendor": {"kept": None},
}


def blobs(layout: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (layout / "blobs" / "sha256").iterdir()}


def parts(layout: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = json.loads(label.blob(layout, entry["digest"]).read_text())
    assert label.blob(layout, entry["digest"]).stat().st_size == entry["size"]
    return manifest, json.loads(label.blob(layout, manifest["config"]["digest"]).read_text())


def test_config_and_manifest_say_it_and_nothing_else_changes(tmp_path: Path) -> None:
    layouts.make(tmp_path, [b"base", b"own"], config=CONFIG)
    manifest, config = parts(tmp_path)
    label.label(tmp_path, LABELS)
    new_manifest, new_config = parts(tmp_path)
    assert new_manifest.pop("annotations") == LABELS
    assert new_config["config"].pop("Labels") == {"team": "ai", **LABELS}
    assert new_config.pop("created") == "2026-03-01T10:00:00Z"
    del manifest["config"], new_manifest["config"], config["config"]["Labels"], config["created"]
    assert json.dumps(new_manifest) == json.dumps(manifest)
    assert json.dumps(new_config) == json.dumps(config)


def test_the_layers_stay_byte_for_byte(tmp_path: Path) -> None:
    layouts.make(tmp_path, [b"base", b"own"], config=CONFIG)
    before = blobs(tmp_path)
    facts = label.label(tmp_path, LABELS)
    after = blobs(tmp_path)
    assert len(after) == len(before) == 4
    kept = {name for name in before if name in after}
    assert kept == {layer["digest"].removeprefix("sha256:") for layer in facts["layers"]}
    assert all(before[name] == after[name] for name in kept)


def test_digests_and_sizes_are_those_of_the_blobs(tmp_path: Path) -> None:
    layouts.make(tmp_path, [b"base"], config=CONFIG)
    facts = label.label(tmp_path, LABELS)
    for name, content in blobs(tmp_path).items():
        assert hashlib.sha256(content).hexdigest() == name
    manifest, _ = parts(tmp_path)
    assert manifest["config"]["digest"] == facts["config_digest"]
    assert manifest["config"]["size"] == len(blobs(tmp_path)[facts["config_digest"][7:]])


def test_the_same_labels_give_the_same_digest(tmp_path: Path) -> None:
    digests = set()
    for name in ("first", "second"):
        layouts.make(tmp_path / name, [b"base"], config=CONFIG)
        digests.add(label.label(tmp_path / name, LABELS)["digest"])
    again = label.label(tmp_path / "second", LABELS)["digest"]
    assert digests == {again}


def test_an_image_without_config_settings_can_be_labelled(tmp_path: Path) -> None:
    layouts.make(
        tmp_path, [b"base"], config={"architecture": "amd64", "os": "linux", "config": {"Labels": None}}
    )
    assert label.label(tmp_path, LABELS)["config"]["config"]["Labels"] == LABELS


def test_the_program_labels_every_layout(tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("agent", "gateway")]
    for name in names:
        layouts.make(tmp_path / name.rsplit("/", 1)[1], [name.encode()], config=CONFIG)
    (tmp_path / "labels.json").write_text(json.dumps(dict.fromkeys(names, LABELS)))
    label.main(str(tmp_path / "labels.json"), str(tmp_path / "outcome.json"), *names)
    outcome = json.loads((tmp_path / "outcome.json").read_text())
    assert list(outcome) == names
    assert outcome[names[0]]["digest"] != outcome[names[1]]["digest"]
