"""Finished images beside their evidence: what has not changed is fetched where it must run, and not built."""

from __future__ import annotations

import json
import secrets
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.engine.images import registry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Called, Dagger

pytestmark = pytest.mark.engine
SERVICES = ("web", "worker")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose images no other run has."""
    folder = tmp_path_factory.mktemp("project")
    services = {name: {"build": name, "command": ["sleep", "infinity"]} for name in SERVICES}
    (folder / "compose.yaml").write_text(json.dumps({"services": services}))
    for name in SERVICES:
        (folder / name).mkdir()
        (folder / name / "Dockerfile").write_text("FROM debian:trixie-slim\nCOPY text /text\n")
        (folder / name / "text").write_text(secrets.token_hex(8))
    return folder


@pytest.fixture(scope="module")
def cache(dagger: Dagger, source: Path) -> str:
    """A repository with the layers, the evidence and the images of a build."""
    name = f"tests/images-{secrets.token_hex(6)}"
    called = dagger.call("--source", str(source), "--cache", f"{registry()}/{name}", "--cache-write", "build")
    assert called.code == 0, called.error
    assert stored(name) == {digest.partition(":")[2] for digest in digests(called).values()}
    return name


def stored(repository: str) -> set[str]:
    """Return the digests of the images that a repository has, without what they begin with."""
    with urllib.request.urlopen(f"http://{registry()}/v2/{repository}/tags/list") as answer:
        tags: list[str] = json.load(answer)["tags"]
    return {tag.removeprefix("image-") for tag in tags if tag.startswith("image-")}


def digests(called: Called) -> dict[str, str]:
    rows = [line.split() for line in called.stdout.splitlines()]
    return {row[0]: row[1] for row in rows if len(row) > 1 and row[1].startswith("sha256:")}


def builds(called: Called) -> list[str]:
    return [command for command in called.executed() if "cached_bake.sh" in command]


def fetches(called: Called) -> list[str]:
    return [command for command in called.executed() if "ci.container_scripts.registry images" in command]


def test_only_what_has_changed_is_built(dagger: Dagger, source: Path, cache: str) -> None:
    words = ("--source", str(source), "--cache", f"{registry()}/{cache}")
    known = dagger.call(*words, "build")
    assert (builds(known), fetches(known)) == ([], [])

    # Nothing changed, and the stack needs both images.
    up = dagger.call(*words, "stack", "check")
    assert up.code == 0, up.error
    assert builds(up) == []
    assert len(fetches(up)) == 1

    (source / "web" / "text").write_text(secrets.token_hex(8))
    changed = dagger.call(*words, "build")
    assert "1 of 2 results known" in changed.stdout
    assert len(builds(changed)) == 1
    assert "of 1 builds were cached" in changed.stdout
    assert digests(changed)["worker"] == digests(known)["worker"]
    assert digests(changed)["web"] != digests(known)["web"]


def test_evidence_of_another_repository_does_not_choose_an_image(
    dagger: Dagger, source: Path, cache: str
) -> None:
    other = f"{registry()}/tests/evidence-{secrets.token_hex(6)}"
    words = ("--source", str(source), "--cache", f"{registry()}/{cache}", "--evidence", other)
    before = stored(cache)
    written = dagger.call(*words, "--cache-write", "build")
    assert "2 written" in written.stdout
    assert stored(cache) == before
    up = dagger.call(*words, "stack", "check")
    assert up.code == 0, up.error
    assert fetches(up) == []
