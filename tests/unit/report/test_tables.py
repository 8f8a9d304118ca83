"""The table of what was built."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from ci.build.provenance import Material
from ci.report import tables

if TYPE_CHECKING:
    from ci.build.image import BuiltImage

PYTHON = Material("python:3.13", "sha256:" + "0" * 64, pinned=True)


def image(
    *, user: str = "", base: Material | None = PYTHON, exported_at: float = 0.0, note: str = ""
) -> BuiltImage:
    facts: dict[str, Any] = {
        "size": 1_500_000,
        "layers": [{}, {}],
        "config": {"config": {"User": user}},
    }
    made = SimpleNamespace(
        digest="sha256:1", facts=facts, seconds=2.0, exported_at=exported_at, base=base, cache_note=note
    )
    return cast("BuiltImage", made)


def test_the_note_about_the_layer_cache_is_printed_once() -> None:
    images = {"web": image(note="layer cache"), "job": image(note="layer cache")}
    assert tables.built(images).count("layer cache") == 1
    assert len(tables.built({"web": image()}).splitlines()) == 2


def test_a_row_has_digest_size_layers_user_and_the_time_of_the_export() -> None:
    text = tables.built({"web": image(user="10001:10001", exported_at=1_893_456_000.5), "job": image()})
    header, web, job = (line.split("  ") for line in text.splitlines())
    assert [cell.strip() for cell in header if cell] == [
        *("service", "digest", "size", "layers", "user", "took", "made")
    ]
    assert [cell.strip() for cell in web if cell] == [
        *("web", "sha256:1", "1.5 MB", "2", "10001:10001", "2.0 s", "2030-01-01 00:00:00Z")
    ]
    assert "root" in [cell.strip() for cell in job]


@pytest.mark.parametrize(("base", "shown"), [(PYTHON, str(PYTHON)), (None, "scratch")])
def test_the_files_name_the_base(base: Material | None, shown: str) -> None:
    files = tables.built_files({"web": image(base=base)}, "{}")
    assert f"| web | sha256:1 | 1.5 MB | {shown} |" in files["build.md"].splitlines()
    assert files["build.json"] == "{}"
