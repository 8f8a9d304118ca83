"""Builds of all images on a machine without any layers: without a layer cache, and with one in a registry."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cases import readme
from bench.measure import printed, spread, timed
from bench.peer import project

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
WITHOUT, WITH = "without a cache", "with a cache"
_ACCEPT = "application/vnd.oci.image.manifest.v1+json"


def measure(repeat: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return seconds of builds from an empty sandbox, with spread, and what the cache stores."""
    registry = os.environ.get("CI_REGISTRY", "127.0.0.1:5000")
    repository = f"bench/layers-{secrets.token_hex(4)}"
    cache = (
        "--cache",
        f"{registry}/{repository}",
        "--evidence",
        f"{registry}/{repository}-evidence",
        "--fresh",
    )
    seconds: dict[str, list[float]] = {WITHOUT: [], WITH: []}
    with tempfile.TemporaryDirectory() as name:
        folder, module = Path(name) / "checkout", _module(Path(name))
        project.checkout(folder)
        call = ("dagger", "--progress=plain", "call", "-m", str(module), "--source", str(folder))
        empty = (*call, "sandbox", "--empty")
        printed((*call, *cache, "--cache-write", "build"), folder)
        number = int(time.time())
        for turn in range(repeat):
            for title, options in ((WITHOUT, ()), (WITH, cache)):
                printed(empty, folder)
                readme(folder, number + turn)  # or Dagger would have the build
                seconds[title].append(timed((*call, *options, "build"), folder))
                say(f"layers: {title}: {seconds[title][-1]:.1f} s")
        printed(empty, folder)
    manifests, size = _stored(registry, repository)
    say(f"layers: the cache has {manifests} manifests, {size / 1e6:.0f} MB")
    rows = {title: spread(found, 1) for title, found in seconds.items() if found}
    return {"rows": rows, "manifests": manifests, "bytes": size, "exceeded": []}


def _module(folder: Path) -> Path:
    """Copy the module to another place in a repository, where its sandbox has data of its own."""
    printed(("git", "init", "--quiet"), folder)
    module = folder / f"module-{secrets.token_hex(4)}"
    shutil.copytree(ROOT / "ci", module / "ci", ignore=shutil.ignore_patterns("__pycache__", ".venv"))
    shutil.copy(ROOT / "dagger.json", module)
    return module


def _stored(registry: str, repository: str) -> tuple[int, int]:
    """Return how many manifests a repository has, and the bytes of what they name."""
    tags = _get(f"http://{registry}/v2/{repository}/tags/list")["tags"]
    sizes: dict[str, int] = {}
    for tag in tags:
        manifest = _get(f"http://{registry}/v2/{repository}/manifests/{tag}")
        sizes |= {blob["digest"]: blob["size"] for blob in (manifest["config"], *manifest["layers"])}
    return len(tags), sum(sizes.values())


def _get(url: str) -> dict[str, Any]:
    request = urllib.request.Request(url, headers={"Accept": _ACCEPT})  # noqa: S310 - the registry of this machine
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - as above
        found: dict[str, Any] = json.load(response)
        return found
