"""The comparison of a build with another engine's record.

One engine gives the same digest again whatever a step does, by its cache: the
other engine is played by a build whose steps have another cache key.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

pytestmark = pytest.mark.engine

# A first stage that a key forces to run again; what it makes is the same, a time, or an unsorted order.
DOCKERFILE = """\
ARG PYTHON_IMAGE=python:3.13-slim-trixie
FROM ${PYTHON_IMAGE} AS work
COPY key /key
RUN mkdir /made && STEP
FROM ${PYTHON_IMAGE}
COPY --from=work /made /made
"""
STEPS = {
    "same": "echo fixed > /made/stamp",
    "time": "date +%s%N > /made/stamp",
    "order": "seq 1 50 | shuf > /made/listing",
}


def record(dagger: Dagger, folder: Path, key: str) -> Path:
    """Build everything with steps of one cache key and export build.json."""
    folder.mkdir()
    services = {name: {"build": {"dockerfile": f"{name}.Dockerfile", "context": "."}} for name in STEPS}
    (folder / "compose.yaml").write_text(json.dumps({"name": "p", "services": services}))
    for name, step in STEPS.items():
        (folder / f"{name}.Dockerfile").write_text(DOCKERFILE.replace("STEP", step))
    (folder / "key").write_text(key)
    output = folder / "report"
    words = ("--source", str(folder), "report", "--only", "build", "export", "--path", str(output))
    called = dagger.call(*words)
    assert called.code == 0, called.error
    assert "time" in (output / "build" / "build.txt").read_text()
    return output / "build" / "build.json"


@pytest.fixture(scope="module")
def recorded(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("reproduce")
    run = folder.name + str(folder.stat().st_ino)
    there = record(dagger, folder / "there", f"there-{run}")
    record(dagger, folder / "here", f"here-{run}")
    return there, folder / "here"


def test_what_differs_is_named_and_what_is_equal_is_not(dagger: Dagger, recorded: tuple[Path, Path]) -> None:
    there, here = recorded
    called = dagger.call("--source", str(here), "reproduce", "--manifest", str(there))
    assert called.code == 1
    assert "order, time" in called.error
    assert "Code: reproduce.images-differ" in called.error
    assert "(COPY /made /made # buildkit): /made/stamp: content differs in numbers only" in called.error
    assert "/made/listing: the same lines in another order" in called.error
    assert "same: " not in called.error


def test_the_same_build_is_reproduced(dagger: Dagger, recorded: tuple[Path, Path]) -> None:
    _, here = recorded
    manifest = here / "report" / "build" / "build.json"
    called = dagger.call("--source", str(here), "reproduce", "--manifest", str(manifest))
    assert called.code == 0, called.error
    assert called.stdout.count("equal") == 3
