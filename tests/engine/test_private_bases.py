"""Base images in a registry that requires credentials: their use, and the error without them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from airgap.catalogue import images_map
from tests.engine.bridge import forwarded
from tests.release.registry import PASSWORD, Registry, find, guarded_by_password

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.client import Called, Dagger

pytestmark = pytest.mark.engine

NOTHING_OF_IT = 'RUN ! grep -rs "$(printf alice)" /root/.docker /kaniko /run/secrets 2>/dev/null'


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Registry]:
    """A registry on the loopback that requires a password, reachable from the engine's containers too."""
    registry = guarded_by_password(tmp_path / "registry").start()
    with forwarded(registry):
        yield registry
    registry.stop()


@pytest.fixture
def project(tmp_path: Path, guarded: Registry) -> Path:
    """A project whose base is in that registry, where this copies the closed network's Debian to."""
    skopeo = find("SKOPEO", "skopeo", "apt-get install skopeo")
    registry = dagger_registry()
    subprocess.run(
        [
            *(
                skopeo,
                "--insecure-policy",
                "copy",
                "--quiet",
                "--src-tls-verify=false",
                "--dest-tls-verify=false",
            ),
            *("--dest-creds", f"alice:{PASSWORD}"),
            f"docker://{registry}/library/debian:trixie-slim",
            f"docker://{guarded.host}/private/base:1",
        ],
        check=True,
    )
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "compose.yaml").write_text("services: {web: {build: .}}\n")
    (folder / "Dockerfile").write_text(f"FROM {guarded.host}/private/base:1\n{NOTHING_OF_IT}\n")
    # An entry for its host, so that the sandbox maps this loopback to the machine's.
    images = {"private/base:1": f"{guarded.host}/private/base:1", **images_map(registry)}
    (tmp_path / "images.json").write_text(json.dumps(images))
    login = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {guarded.host: {"auth": login}}}))
    return folder


def dagger_registry() -> str:
    registry = os.environ.get("CI_REGISTRY")
    if not registry:
        pytest.skip("the base is copied from the closed network's registry, which this engine does not have")
    return registry


def build(dagger: Dagger, folder: Path, *options: str) -> Called:
    images = ("--images", str(folder.parent / "images.json"))
    return dagger.call("--source", str(folder), *images, *options, "build")


def test_a_private_base_is_pulled_with_the_credentials_that_are_given(dagger: Dagger, project: Path) -> None:
    without = build(dagger, project)
    assert without.code != 0
    assert "/private/base:1" in without.error
    assert "no --docker-config was given" in without.error
    assert "Code: build.step-failed" in without.error
    config = project.parent / "config.json"
    called = build(dagger, project, "--docker-config", f"file:{config}")
    assert called.code == 0, called.error
    assert PASSWORD not in called.stdout + called.stderr


@pytest.mark.long
def test_wrong_credentials_are_said_to_have_been_given(dagger: Dagger, project: Path) -> None:
    config = project.parent / "config.json"
    config.write_text(config.read_text().replace(base64.b64encode(b"alice:").decode()[:6], "Ym9iOn"))
    called = build(dagger, project, "--docker-config", f"file:{config}")
    assert called.code != 0
    assert "those of --docker-config were given" in called.error
