"""The peer on a machine that starts empty: Docker without images, and a layer cache in a registry.

Images and layers come from the registry on this machine. As on a hosted runner with a cache of files, Trivy
and its database are already there. The start of Docker is not counted.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Self

from airgap.catalogue import images_map
from airgap.forwarder import forwarding
from airgap.state import State
from bench.peer import project
from bench.peer.docker import PEER, Docker, default_state
from bench.peer.project import Remote

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["REGISTRY", "Runner"]

# Where this Docker reaches the registry of this machine.
REGISTRY = f"{PEER.gateway}:5000"
_IMAGES = {
    "PYTHON_IMAGE": "python:3.13-slim-trixie",
    "REDIS_IMAGE": "redis:7.4.11-alpine",
    "POSTGRES_IMAGE": "postgres:16.15-alpine",
}
_TRIVY, _DATABASE = "aquasec/trivy:0.74.0", "aquasecurity/trivy-db:2"
_TAG = "sha-0000001"
_LIMIT = 1800  # seconds of one run


class Runner:
    """A Docker that is emptied before each run. Only containerd's image store writes caches to a registry."""

    def __init__(self, say: Callable[[str], None], cache: str) -> None:
        """Create what is needed to start it; `cache` is the repository of its layer cache."""
        state = State(default_state() / "runner")
        self._settings = state / "shared" / "daemon.json"  # a folder with the same path in Docker's root
        options = ("--config-file", str(self._settings), "--insecure-registry", REGISTRY)
        self.docker = Docker(state, say, options=options, driver="overlayfs")
        self.cache = cache

    def __enter__(self) -> Self:
        """Start it, and fetch Trivy and its database."""
        words = forwarding(5000, bind=PEER.gateway, clients=f"{PEER.address}/32", registry="127.0.0.1:5000")
        self._forwarder = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        self._empty()
        docker, there = self.docker, images_map(REGISTRY)
        docker.run("docker", "create", "--name", "trivy", str(there[_TRIVY]))
        docker.run("docker", "cp", "trivy:/usr/local/bin/trivy", "/usr/bin/trivy")
        where = ("--db-repository", f"{REGISTRY}/{_DATABASE}", "--insecure")
        docker.run("trivy", "image", "--download-db-only", *where, "--quiet", "--skip-version-check")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.docker.down()
        self._forwarder.terminate()
        self._forwarder.wait()

    def gates(self, edit: Callable[[Path, int], None], number: int, *, writes: bool = False) -> float:
        """Empty it, run all gates in a new checkout, and return the seconds they took."""
        self._empty()
        folder = self.docker.shared / f"run-{number}"
        project.checkout(folder)
        edit(folder, number)
        project.prepare(self.docker, folder, _TAG, Remote(REGISTRY, self.cache, writes))
        there = images_map(REGISTRY)
        images = [f"{variable}={there[name]}" for variable, name in _IMAGES.items()]
        words = project.pipeline(REGISTRY, _TAG, "gate")
        began = time.monotonic()
        self.docker.run("env", *images, *words, folder=folder, limit=_LIMIT)
        return time.monotonic() - began

    def _empty(self) -> None:
        self.docker.down()
        shutil.rmtree(self.docker.data, ignore_errors=True)
        self._settings.parent.mkdir(parents=True, exist_ok=True)
        self._settings.write_text(json.dumps({"features": {"containerd-snapshotter": True}}))
        self.docker.up()
