from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ci.container_scripts import logs

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_secrets_are_taken_out_of_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE", "hunter2-and-more")
    monkeypatch.setenv("TWO", "hunter2")
    monkeypatch.setenv("SHORT", "a")
    state = tmp_path / "states" / "web"
    state.mkdir(parents=True)
    (tmp_path / "states" / "silent").mkdir()
    (state / "log").write_bytes(b"a password hunter2-and-more or hunter2\n\xff")
    (state / "outcome.json").write_text('{"probe": "said hunter2"}')
    output = tmp_path / "output"
    output.mkdir()
    logs.main(str(tmp_path / "states"), str(output), "ONE", "TWO", "SHORT")
    assert (output / "web.log").read_bytes() == b"a password *** or ***\n\xff"
    assert (output / "silent.log").read_bytes() == b""
    assert json.loads((output / "outcomes.json").read_text()) == {"web": {"probe": "said ***"}}
