"""The table of what was built."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from ci import reports

if TYPE_CHECKING:
    from ci.images import Artefact


def image(*, repacked: bool) -> Artefact:
    facts: dict[str, Any] = {
        "size": 1_000_000,
        "layers": [{}],
        "config": {"config": {}},
        "made": {"at": 0.0},
        "base_repacked": repacked,
    }
    return cast("Artefact", SimpleNamespace(digest="sha256:1", facts=facts, seconds=1.0))


def test_an_image_on_a_base_that_was_packed_anew_is_named() -> None:
    text = reports.built({"web": image(repacked=True), "worker": image(repacked=False)})
    noted = text.splitlines()[-1]
    assert noted.startswith("noted: web: this engine was started again after it had pulled the base image")
    assert "worker" not in noted


def test_there_is_no_note_where_the_base_is_as_it_was_pulled() -> None:
    assert "noted" not in reports.built({"web": image(repacked=False)})
