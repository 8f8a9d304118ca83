from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ci.inside.made_layers import MadeLayers

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Maker:
    """Makes a layer of some text, and knows how often it did."""

    blobs: Path
    text: str = "layer"
    times: list[str] = field(default_factory=list)

    def __call__(self) -> dict[str, Any]:
        self.times.append(self.text)
        digest = hashlib.sha256(self.text.encode()).hexdigest()
        (self.blobs / digest).write_text(self.text)
        return {"digest": f"sha256:{digest}", "size": len(self.text)}


def folders(path: Path) -> tuple[Path, Path]:
    for name in ("kept", "blobs"):
        (path / name).mkdir()
    return path / "kept", path / "blobs"


def test_a_layer_is_made_once(tmp_path: Path) -> None:
    kept, blobs = folders(tmp_path)
    maker = Maker(blobs)
    first = MadeLayers(kept).layer("one", blobs, maker)
    (blob,) = blobs.iterdir()
    blob.unlink()
    assert MadeLayers(kept).layer("one", blobs, maker) == first
    assert (blob.read_text(), maker.times) == ("layer", ["layer"])
    MadeLayers(kept).layer("two", blobs, maker)
    assert maker.times == ["layer", "layer"]


def test_a_layer_that_was_changed_is_made_again(tmp_path: Path) -> None:
    kept, blobs = folders(tmp_path)
    maker = Maker(blobs)
    first = MadeLayers(kept).layer("one", blobs, maker)
    (file,) = kept.glob("*.layer")
    for damage in (lambda: file.write_text("other"), file.unlink):
        damage()
        (blob,) = blobs.iterdir()
        blob.unlink()
        assert MadeLayers(kept).layer("one", blobs, maker) == first
        assert [path.name for path in blobs.iterdir()] == [blob.name]
    assert len(maker.times) == 3


def test_facts_that_were_cut_off_are_found_again(tmp_path: Path) -> None:
    kept, blobs = folders(tmp_path)
    maker = Maker(blobs)
    first = MadeLayers(kept).layer("one", blobs, maker)
    assert MadeLayers(kept).size("base", lambda: 7) == 7
    for file in (*kept.glob("*.json"), *kept.glob("*.size")):
        file.write_text(file.read_text()[:3])
    assert MadeLayers(kept).layer("one", blobs, maker) == first
    assert MadeLayers(kept).size("base", lambda: 8) == 8
    assert MadeLayers(kept).size("base", lambda: 9) == 8


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    kept, blobs = folders(tmp_path)
    layers = MadeLayers(kept, most=2500)
    makers = {name: Maker(blobs, name * 1000) for name in "abc"}
    for age, name in enumerate("ab"):
        layers.layer(name, blobs, makers[name])
        for path in kept.iterdir():
            if path.stat().st_mtime > 1000:
                os.utime(path, (age, age))
    layers.layer("a", blobs, makers["a"])  # used again, so b is now the older one
    layers.layer("c", blobs, makers["c"])
    for name in "ac":
        layers.layer(name, blobs, makers[name])
    assert {name: len(maker.times) for name, maker in makers.items()} == {"a": 1, "b": 1, "c": 1}
    layers.layer("b", blobs, makers["b"])
    assert len(makers["b"].times) == 2
