"""An engine that forbids privileged containers: what needs none works, and a stack says what is missing."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.airgap.site import ALL, ROOT, linked, site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.long]

UP = """
import sys
from airgap import engine
from airgap.cli import main

own = engine.configuration
engine.configuration = lambda settings: {**own(settings), "security": {"insecureRootCapabilities": False}}
sys.exit(main(["up"]))
"""


def test_a_stack_names_the_setting_and_a_build_works(tmp_path: Path) -> None:
    image = {"context": ".", "dockerfile_inline": "FROM scratch\nCOPY compose.yaml /\n"}
    services = {
        "app": {"image": "python:3.13-slim-trixie", "command": ["sleep", "60"]},
        "file": {"build": image},
    }
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": services}))
    call = ("--progress=plain", "call", "-m", str(ROOT), "--source", str(tmp_path))
    with site(*ALL) as place, linked(place):
        up = place.run(sys.executable, "-c", UP)
        assert up.code == 0, up.stderr
        built = place.run(*place.dagger(*call, "build"))
        assert built.code == 0, built.stderr
        refused = place.run(*place.dagger(*call, "stack", "--only", "app", "logs", "entries"))
    assert refused.code != 0
    assert "this engine forbids privileged containers, which the stack's init needs" in refused.stderr
    assert "Next: set security.insecureRootCapabilities to true in the engine's engine.json" in refused.stderr
    assert "Traceback" not in refused.stderr
