"""A stack whose client was killed leaves nothing behind. No other stack may run during this test."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.engine.client import ROOT
from tests.engine.stacks import PYTHON

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = [pytest.mark.engine, pytest.mark.long]


def test_what_a_killed_call_left_is_not_there_for_the_next_one(dagger: Dagger, tmp_path: Path) -> None:
    fill = 'test -z "$(ls -A /data)" && touch /data/of-an-earlier-run && exec sleep inf'
    web = {
        "image": PYTHON,
        "command": ["sh", "-c", fill],
        "init": True,
        "restart": "always",
        "volumes": ["data:/data"],
        "ports": ["18743:80"],
    }
    (tmp_path / "compose.yaml").write_text(
        json.dumps({"name": "killed", "services": {"web": web}, "volumes": {"data": {}}})
    )
    words = ["dagger", "--progress=plain", "call", "--source", str(tmp_path), "stack", "ports", "up"]
    output = tmp_path / "output"
    with (
        output.open("w") as file,
        subprocess.Popen(words, cwd=ROOT, stdout=file, stderr=file, start_new_session=True) as process,
    ):
        deadline = time.monotonic() + 180
        while "tunnel started" not in output.read_text() and time.monotonic() < deadline:
            assert process.poll() is None, output.read_text()
            time.sleep(0.2)
        process.kill()
    while " used " in dagger.call("sandbox").stdout:  # the next call uses the first free slot
        assert time.monotonic() < deadline
    called = dagger.call("--source", str(tmp_path), "stack", "--start-timeout", "20", "check")
    assert called.code == 0, called.error
