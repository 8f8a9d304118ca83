"""Whatever a compose file says, it is read or refused, and Compose takes again what it printed."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, event, example, given, settings

from ci.errors import PipelineError
from ci.project import notes, render, unsupported
from ci.stack.model import listed
from tests.unit.project.documents import Documents
from tests.unit.project.reading import outcome, project


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(Documents().document())
@example({"services": {"web": {"image": "x", "scale": 2, "ports": ["8000-8001:80"]}}})
@example({"services": {"web": {"image": "x", "command": "a '$$b'", "labels": {"a": "$$c"}}}})
@example(
    {"services": {"web": {"image": "x", "blkio_config": {"device_read_bps": [{"path": "/", "rate": 1}]}}}}
)
@example({"services": {"web": {"image": "x", "ulimits": {"core": 0, "nproc": {"soft": 0, "hard": 9}}}}})
@example({"services": {"web": {"image": "x", "pre_start": [{"command": ["a"]}], "ulimits": {"core": 0}}}})
@example({"services": {"web": {"image": "x", "annotations": ["$$x"], "labels": {"$$a": "b", "$c": "d"}}}})
def test_a_file_of_the_schema_is_read_or_refused(document: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "compose.yaml").write_text(json.dumps(document))
        try:
            found = project(Path(folder))
        except PipelineError:
            event("refused when it is read")
            return
        event("refused" if unsupported.found(found, found.services) else "read")
        lines = notes.of(found)
        assert all(line in render.render(found, {}, "table") for line in lines)
        Path(folder, "compose.yaml").write_text(json.dumps(listed(found.model)).replace("/project", folder))
        again = outcome(Path(folder))
        assert "error" not in again, f"Compose does not read what it printed: {again['error']}"
        assert again["model"]["services"] == found.model["services"]
