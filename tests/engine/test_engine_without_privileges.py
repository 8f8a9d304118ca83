"""An engine that forbids privileged containers: builds and stacks name the setting, other functions work."""

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


def test_a_stack_and_a_build_name_the_setting_and_the_plan_works(tmp_path: Path) -> None:
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
        plan = place.run(*place.dagger(*call, "services"))
        assert plan.code == 0, plan.stderr
        refused = [
            place.run(*place.dagger(*call, "stack", "--only", "app", "logs", "entries")),
            place.run(*place.dagger(*call, "build")),
        ]
    for each in refused:
        assert each.code != 0
        assert "Code: sandbox.not-privileged" in each.stderr
        assert "security.insecureRootCapabilities" in each.stderr
        assert "Traceback" not in each.stderr
