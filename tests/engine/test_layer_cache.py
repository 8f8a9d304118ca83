"""A layer cache in a registry: a build without any data takes layers from it, and never depends on it.

Copies of the module in different folders have different sandboxes, because Dagger names a module's volumes
by its folder in the repository.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.engine.bridge import BRIDGE, forwarded
from tests.engine.client import ROOT, Called, Dagger
from tests.release.registry import PASSWORD, Registry, free_port, guarded_by_password

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.long]

REPOSITORY = "team/cache"
BASE_SIZE = 1_000_000  # bytes; layers of the base are larger, those of these builds are smaller
# The cache of a service whose steps have another result each time, and of some that have the same one.
RANDOM, SAME = "random", ("missing", "corrupted", "config", "other")
FROM = "FROM debian:trixie-slim AS stage\n"
STEPS = {
    RANDOM: "RUN head -c 32 /dev/urandom >/made\nFROM debian:trixie-slim\nCOPY --from=stage /made /\n"
    "RUN head -c 32 /dev/urandom >/x\n",
    **dict.fromkeys(SAME, "RUN echo $UNIQUE >/made\n"),
}


@dataclass(frozen=True)
class Machine:
    """A copy of the module whose sandbox has its own data."""

    dagger: Dagger
    module: Path

    def call(self, source: Path, *words: str) -> Called:
        """Call the module without evidence, with which a second machine would build nothing."""
        words = ("--fresh", *words)
        return self.dagger.call("-m", str(self.module), "--source", str(source), *words)

    def build(self, source: Path, *words: str) -> Called:
        """Build, which must succeed."""
        called = self.call(source, *words)
        assert called.code == 0, called.error
        return called


@pytest.fixture(scope="module")
def machines(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Machine]]:
    """Two machines whose sandboxes have no data."""
    if "CI_REGISTRY" not in os.environ:
        pytest.skip("the registry of these tests is reached over the bridge of the air-gapped engine")
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    made = [Machine(dagger, folder / f"m{secrets.token_hex(4)}") for _ in range(2)]
    for machine in made:
        unwanted = shutil.ignore_patterns("__pycache__", ".venv")
        shutil.copytree(ROOT / "ci", machine.module / "ci", ignore=unwanted)
        shutil.copy(ROOT / "dagger.json", machine.module)
    yield made
    for machine in made:
        assert machine.call(folder, "sandbox", "--empty").code == 0


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    running = Registry(tmp_path_factory.mktemp("registry") / "r").start()
    with forwarded(running):
        yield running
    running.stop()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose layers no other run has."""
    folder = tmp_path_factory.mktemp("project")
    services = {name: {"build": name} for name in STEPS}
    (folder / "compose.yaml").write_text(json.dumps({"services": services}))
    for name, steps in STEPS.items():
        (folder / name).mkdir()
        unique = f"{FROM}ENV UNIQUE={name}-{secrets.token_hex(8)}\n"
        (folder / name / "Dockerfile").write_text(unique + steps)
    return folder


@pytest.fixture(scope="module")
def written(machines: list[Machine], registry: Registry, source: Path) -> dict[str, str]:
    """The digests that the first machine built while it wrote the cache."""
    called = machines[0].build(source, *cache(registry), "--cache-write", "build")
    assert "written for branch main" in called.stdout
    assert len(registry.tags(REPOSITORY)) == len(STEPS)
    return digests(called)


def cache(registry: Registry, *words: str) -> tuple[str, ...]:
    # Evidence has a repository of its own, so that this one has nothing but layers.
    evidence = ("--evidence", f"{registry.host}/team/evidence")
    return ("--cache", f"{registry.host}/{REPOSITORY}", *evidence, *words)


def digests(called: Called) -> dict[str, str]:
    rows = [line.split() for line in called.stdout.splitlines()]
    return {row[0]: row[1] for row in rows if len(row) > 1 and row[1].startswith("sha256:")}


def note(called: Called) -> str:
    """Return what is printed about the cache."""
    (line,) = [line for line in called.stdout.splitlines() if line.startswith("layer cache ")]
    return line


def sandboxes(called: Called) -> list[str]:
    return [command for command in called.executed() if "sandbox.sh" in command]


def blobs(registry: Registry, service: str) -> list[Path]:
    """Return the files of a service's cache in the registry's storage: its config, then its own layers."""
    (tag,) = [tag for tag in registry.tags(REPOSITORY) if tag.startswith(f"{service}-main-")]
    manifest = json.loads(manifest_of(registry, tag))
    layers = [layer["digest"] for layer in manifest["layers"] if layer["size"] < BASE_SIZE]
    hashes = [digest.partition(":")[2] for digest in (manifest["config"]["digest"], *layers)]
    place = registry.folder / "data" / "docker" / "registry" / "v2" / "blobs" / "sha256"
    return [place / name[:2] / name / "data" for name in hashes]


def manifest_of(registry: Registry, tag: str) -> bytes:
    accept = "application/vnd.oci.image.manifest.v1+json"
    return registry.get(f"/v2/{REPOSITORY}/manifests/{tag}", Accept=accept)[1]


def writes(registry: Registry) -> int:
    """Count the requests that change a registry, by its own log."""
    text = (registry.folder / "log").read_text()
    return sum(text.count(f'"{method} /v2/') for method in ("POST", "PATCH", "PUT", "DELETE"))


def test_an_empty_machine_takes_layers_from_the_cache_and_a_reader_writes_nothing(
    machines: list[Machine], registry: Registry, source: Path, written: dict[str, str]
) -> None:
    before, requests = registry.tags(REPOSITORY), writes(registry)
    assert requests > 0  # or nothing is counted
    read = machines[1].build(source, *cache(registry), "build", "--only", RANDOM)
    assert digests(read) == {RANDOM: written[RANDOM]}  # which only a layer that was not built again can have
    assert "3 steps of 1 builds were cached" in note(read)
    assert sandboxes(read)
    assert (registry.tags(REPOSITORY), writes(registry)) == (before, requests)

    # Nobody looked at the base of what came from the cache. Its files are no additions all the same.
    judged = machines[1].call(source, *cache(registry), "posture", "--only", RANDOM)
    assert "non-root-user" in judged.error
    assert "no-setuid" not in judged.error

    for words in ((), cache(registry, "--cache-branch", "x")):
        again = machines[1].build(source, *words, "build", "--only", RANDOM)
        assert digests(again) == digests(read)
        assert sandboxes(again) == [], words
        assert "layer cache" not in again.stdout

    # A writer that built nothing itself writes all layers, also those that it did not fetch.
    writer = machines[1].build(
        source, *cache(registry, "--cache-branch", "y", "--cache-write"), "build", "--only", RANDOM
    )
    assert "written for branch y" in note(writer)
    tags = registry.tags(REPOSITORY)
    (new,) = set(tags) - set(before)
    (old,) = [tag for tag in before if tag.startswith(RANDOM)]
    first, second = (json.loads(manifest_of(registry, tag))["layers"] for tag in (old, new))
    assert {layer["digest"] for layer in first} == {layer["digest"] for layer in second}


def test_a_damaged_cache_changes_nothing(
    machines: list[Machine], registry: Registry, source: Path, written: dict[str, str]
) -> None:
    for name, (config, *layers) in {name: blobs(registry, name) for name in SAME}.items():
        assert layers
        if name == "missing":
            for layer in layers:
                layer.unlink()
        elif name == "corrupted":
            for layer in layers:
                layer.write_bytes(os.urandom(layer.stat().st_size))
        elif name == "config":
            config.write_text("{}")
    tags = registry.tags(REPOSITORY)
    (random,), (other,) = (
        [tag for tag in tags if tag.startswith(f"{name}-main-")] for name in (RANDOM, "other")
    )
    put(registry, other, manifest_of(registry, random))

    found = {name: machines[1].build(source, *cache(registry), "build", "--only", name) for name in SAME}
    assert {name: digests(called)[name] for name, called in found.items()} == {
        name: written[name] for name in SAME
    }
    assert {name: "repeated without it" in note(called) for name, called in found.items()} == {
        "missing": True,
        "corrupted": True,
        "config": False,
        "other": False,
    }


def put(registry: Registry, tag: str, manifest: bytes) -> None:
    url = f"http://{registry.host}/v2/{REPOSITORY}/manifests/{tag}"
    kind = "Content-Type: application/vnd.oci.image.manifest.v1+json"
    words = ["curl", "--fail", "--silent", "--show-error", "--request", "PUT", "--header", kind]
    subprocess.run([*words, "--data-binary", "@-", url], input=manifest, check=True)


@pytest.fixture
def reproducible(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text('{"services": {"web": {"build": "."}}}')
    steps = STEPS[SAME[0]]
    (tmp_path / "Dockerfile").write_text(f"{FROM}ENV UNIQUE={secrets.token_hex(8)}\n{steps}")
    return tmp_path


def test_without_the_registry_the_same_is_built(machines: list[Machine], reproducible: Path) -> None:
    refused = f"127.0.0.1:{free_port()}/{REPOSITORY}"
    first = machines[0].build(reproducible, "--cache", refused, "--cache-write", "build")
    assert "it cannot be read: " in note(first)
    assert "not written: " in note(first)
    with silent() as address:
        second = machines[1].build(reproducible, "--cache", f"{address}/{REPOSITORY}", "build")
    assert "no answer within 10 s" in note(second)
    assert digests(first) == digests(second)


@contextmanager
def silent() -> Iterator[str]:
    """Accept connections and answer none of them."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND: the bridge may not exist yet
        server.bind((BRIDGE, 0))
        server.listen()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_cache_that_cannot_be_written_does_not_fail_the_build(
    machines: list[Machine], reproducible: Path, tmp_path: Path
) -> None:
    registry = Registry(tmp_path / "registry", read_only=True).start()
    with forwarded(registry):
        called = machines[0].build(reproducible, *cache(registry, "--cache-write"), "build")
    assert "not written: " in note(called)
    registry.stop()


def test_credentials_are_those_of_base_images(
    machines: list[Machine], reproducible: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("guarded")
    registry = guarded_by_password(folder / "registry").start()
    login = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": login}}}))
    given = ("--docker-config", f"file:{folder / 'config.json'}")
    with forwarded(registry):
        first = machines[0].build(reproducible, *given, *cache(registry, "--cache-write"), "build")
        without = machines[1].build(reproducible, *cache(registry), "build")
        second = machines[1].build(reproducible, *given, *cache(registry), "build")
    assert "written for branch main" in note(first)
    assert "it cannot be read: " in note(without)
    assert digests(first) == digests(without) == digests(second)
    for called in (first, without, second):
        assert PASSWORD not in called.stdout + called.stderr
    registry.stop()
