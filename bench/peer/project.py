"""Create a copy of this repository, like a user's checkout, in a folder that Docker can access."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airgap import catalogue
from airgap.process import run
from bench.peer import images
from bench.peer.docker import REGISTRY

if TYPE_CHECKING:
    from bench.peer.docker import Docker

ROOT = Path(__file__).parents[2]
PEER = Path(__file__).parent
STAND_INS = "compose.stand-ins.json"
BAKE = "docker-bake.peer.json"
_PYTHON, _UV = "python:3.13-slim-trixie", "ghcr.io/astral-sh/uv:0.12.23"
# Images that build and run the services, and images for the rest of the job.
SERVICES = (
    *(_PYTHON, _UV, "postgres:16.15-alpine"),
    *("redis:7.4.11-alpine", "qdrant/qdrant:v1.19.1", "prom/prometheus:v3.13.4"),
)
IMAGES = (*SERVICES, "registry:2", "aquasec/trivy:0.74.0")
# Each gets a different secret. The model is a stand-in that accepts any key.
_SECRETS = (
    "INTERNAL_TOKEN_SECRET",
    "API_KEY_PEPPER",
    "ADMIN_KEY",
    "POSTGRES_PASSWORD",
    "GRAFANA_ADMIN_PASSWORD",
)
_BUILT = ("gateway", "knowledge-service", "agent-service", "research-service", "assistant-service")


def equip(docker: Docker, source: str) -> None:
    """Provide what a pipeline needs in Docker's root: images, Trivy with its database, a registry.

    ``source`` is the machine's registry; Docker has its own registry at `REGISTRY`.
    """
    images.load(docker, source, list(IMAGES))
    if docker.run("docker", "inspect", "registry", check=False).returncode:
        docker.run(
            *("docker", "run", "-d", "--name", "registry", "--restart", "always"),
            *("-p", "127.0.0.1:5000:5000", "registry:2"),
        )
    docker.run("docker", "start", "registry")
    if docker.run("trivy", "--version", check=False).returncode:
        docker.run("docker", "create", "--name", "trivy", "aquasec/trivy:0.74.0")
        docker.run("docker", "cp", "trivy:/usr/local/bin/trivy", "/usr/bin/trivy")
        docker.run("docker", "rm", "trivy")
    database = "aquasecurity/trivy-db:2"
    process = docker.daemon.process()
    if process is not None:
        copy = ("skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false")
        folder = docker.shared / "trivy-db"
        log = docker.state.log("trivy")
        run((*copy, f"docker://{source}/{database}", f"dir:{folder}"), log=log)
        enter = ("nsenter", "--target", str(process.pid), "--net")
        run((*enter, *copy, f"dir:{folder}", f"docker://{REGISTRY}/{database}"), log=log)
    update = ("trivy", "image", "--download-db-only", "--db-repository", f"{REGISTRY}/{database}", "--quiet")
    docker.run(*update, "--skip-version-check", "--disable-telemetry")


def checkout(folder: Path) -> None:
    """Copy all files that Git does not ignore, in their current state, into an empty folder."""
    if folder.exists():
        shutil.rmtree(folder)
    listed = (
        subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=True,
        )
        .stdout.decode()
        .split("\0")
    )
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def pipeline(registry: str, tag: str, step: str = "all") -> list[str]:
    """Return the command of the peer's pipeline, or of one step, in the project's folder."""
    return ["env", f"STAND_INS={STAND_INS}", f"BAKE={BAKE}", "sh", "pipeline.sh", registry, tag, step]


@dataclass(frozen=True)
class Remote:
    """A registry with the images and the layer cache of a Docker that starts empty.

    Its images are pulled, and layers are read from ``cache``, and written to it if ``writes``.
    """

    registry: str
    cache: str
    writes: bool

    def of_target(self, name: str) -> dict[str, object]:
        """Return what a target of the Bake file has for the cache."""
        place = f"type=registry,ref={self.cache}:{name}"
        written = {"cache-to": [f"{place},mode=max"]} if self.writes else {}
        return {"cache-from": [place], **written}


def prepare(docker: Docker, folder: Path, tag: str, remote: Remote | None = None) -> list[str]:
    """Write .env, the stand-ins and the peer's files; return services left out for lack of an image."""
    lines = [f"{name}={secrets.token_hex(32)}" for name in _SECRETS]
    lines += [
        "AZURE_OPENAI_ENDPOINT=https://model.example.com/",
        f"AZURE_OPENAI_API_KEY={secrets.token_hex(16)}",
    ]
    lines += [f"TAG={tag}"]
    (folder / ".env").write_text("\n".join(lines) + "\n")
    files = ("-f", "compose.yaml", "-f", "compose.test.yaml")
    model = docker.run("docker", "compose", *files, "config", "--format", "json", folder=folder).stdout
    override, missing = images.override(model, remote.registry if remote else "")
    (folder / STAND_INS).write_text(override)
    for name in ("pipeline.sh", "tests.Dockerfile"):
        shutil.copy2(PEER / name, folder / name)
    # Like each service's, so that the tests of others do not matter.
    (folder / "tests.Dockerfile.dockerignore").write_text(
        "*\n!pyproject.toml\n!uv.lock\n!services/testing\n!services/openai-stub\n**/__pycache__\n**/.*_cache\n"
    )
    targets: dict[str, dict[str, object]] = {name: {} for name in _BUILT}
    targets["openai-stub"] = {"tags": ["ai-platform-openai-stub"]}
    targets["tests"] = {"context": ".", "dockerfile": "tests.Dockerfile", "tags": ["ai-platform/tests"]}
    there = catalogue.images_map(remote.registry) if remote else {}
    arguments = {"PYTHON_IMAGE": there.get(_PYTHON) or _PYTHON, "UV_IMAGE": there.get(_UV) or _UV}
    for name, target in targets.items():
        target |= {"args": arguments, **(remote.of_target(name) if remote else {})}
    (folder / BAKE).write_text(json.dumps({"target": targets}))
    return missing
