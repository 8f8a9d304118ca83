"""Pinned images against the tags of a real registry."""

from __future__ import annotations

import json
import os
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.engine.images import push_base, registry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Called, Dagger

pytestmark = pytest.mark.engine
_TYPE = "application/vnd.oci.image.manifest.v1+json"


def digest(reference: str) -> str:
    """Return what a tag names now, as the registry says it."""
    repository, _, tag = reference.removeprefix(f"{registry()}/").rpartition(":")
    url = f"http://{registry()}/v2/{repository}/manifests/{tag}"
    request = urllib.request.Request(url, method="HEAD", headers={"Accept": _TYPE})
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - the registry of these tests
        return str(response.headers["Docker-Content-Digest"])


def drift(dagger: Dagger, folder: Path, base: str) -> Called:
    """Compare the base of a Dockerfile that is in no folder called services."""
    (folder / "app").mkdir(exist_ok=True)
    (folder / "app" / "Dockerfile").write_text(f"ARG BASE={base}\nFROM $BASE\nCMD true\n")
    (folder / "compose.yaml").write_text(json.dumps({"services": {"web": {"build": "app"}}}))
    return dagger.call("--source", str(folder), "drift")


def test_a_base_is_compared_with_its_tag_wherever_its_dockerfile_is(dagger: Dagger, tmp_path: Path) -> None:
    name = f"tests/drift-{os.getpid()}:1"
    pinned = push_base(name, Env=["VERSION=1"])
    old = digest(pinned)
    same = drift(dagger, tmp_path, f"{pinned}@{old}")
    assert same.code == 0, same.error
    assert pinned in same.stdout

    push_base(name, Env=["VERSION=2"])
    moved = drift(dagger, tmp_path, f"{pinned}@{old}")
    assert moved.code != 0
    assert "Code: drift.moved" in moved.error
    assert digest(pinned)[:19] in moved.error


def test_a_project_that_pins_nothing_is_not_green(dagger: Dagger, tmp_path: Path) -> None:
    called = drift(dagger, tmp_path, f"{registry()}/library/debian:trixie-slim")
    assert called.code != 0
    assert "Code: drift.nothing-compared" in called.error
