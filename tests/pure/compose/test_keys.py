"""Each noted or refused key, as Compose prints it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ci.compose.support import ROWS, Status, notes
from ci.errors import PipelineError
from tests.pure.compose.reading import FIXTURES, project

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES: dict[str, dict[str, Any]] = yaml.safe_load((FIXTURES / "keys.yaml").read_text())


def keys(status: Status) -> list[str]:
    return [key for key, row in ROWS.items() if row.status is status]


def said(folder: Path, key: str) -> list[str]:
    """Return the notes on the key's example, by their keys."""
    example = EXAMPLES[key]
    service = {"build" if "build" in example["service"] else "image": "x", **example["service"]}
    services = {"web": {k: v for k, v in service.items() if v is not None}}
    if "other" in example:
        services["other"] = example["other"]
    for name in ("s", "e.labels", "my.json"):
        (folder / name).write_text("a=b\n")
    (folder / "compose.yaml").write_text(json.dumps({"services": services, **example.get("top", {})}))
    read = project(folder)
    raw = {name: {**item.raw, **example.get("model", {})} for name, item in read.services.items()}
    return [note.key for note in notes(raw, {**read.raw, **example.get("beside", {})})]


def test_every_noted_or_refused_key_has_an_example_and_no_other_has() -> None:
    assert set(EXAMPLES) == {*keys(Status.NOTED), *keys(Status.REFUSED)}


@pytest.mark.parametrize("key", keys(Status.NOTED))
def test_a_noted_key_is_noted_with_its_reason(tmp_path: Path, key: str) -> None:
    assert key in said(tmp_path, key)


@pytest.mark.parametrize("key", keys(Status.REFUSED))
def test_a_refused_key_is_refused_by_name(tmp_path: Path, key: str) -> None:
    with pytest.raises(PipelineError) as caught:
        said(tmp_path, key)
    assert EXAMPLES[key].get("refusal", f".{key.rpartition('.')[2]}: {ROWS[key].text}"[1:]) in str(
        caught.value
    )
