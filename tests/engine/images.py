"""Read the images in a build report, and push base images for builds."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.engine.client import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.client import Dagger

__all__ = ["Image", "built", "copied", "push_base", "registry", "sha256"]

_TYPE = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Image:
    """One image of build.json."""

    data: dict[str, Any]

    @property
    def config(self) -> dict[str, Any]:
        """The image's runtime configuration."""
        found: dict[str, Any] = self.data["config"]["config"]
        return found

    @property
    def variables(self) -> dict[str, str]:
        """The image's environment."""
        return dict(each.split("=", 1) for each in self.config["Env"])

    @property
    def entries(self) -> dict[str, dict[str, Any]]:
        """The entries of the layers above the base by path; upper layers take precedence."""
        return {entry["path"]: entry for layer in self.data["contents"] for entry in layer}

    @property
    def files(self) -> dict[str, str]:
        """The SHA-256 digest of each file above the base, to compare with `sha256`."""
        return {path: entry["sha256"] for path, entry in self.entries.items() if entry["kind"] == "file"}

    @property
    def base(self) -> list[str]:
        """The digests of the base's layers."""
        return [layer["digest"] for layer in self.data["layers"] if layer["base"]]


def sha256(content: str | bytes) -> str:
    """Return the digest that build.json has for a file with this content."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def built(dagger: Dagger, source: Path, report: Path, *options: str) -> dict[str, Image]:
    """Build a project and return its images."""
    words = ("--source", str(source), *options)
    called = dagger.call(*words, "report", "--only", "build", "export", "--path", str(report), "--wipe")
    assert called.code == 0, called.error
    images = json.loads((report / "build" / "build.json").read_text())["images"]
    return {name: Image(data) for name, data in images.items()}


def copied(name: str, folder: Path) -> Path:
    """Copy a fixture of a build so that it can be changed; return the copy's path."""
    return shutil.copytree(FIXTURES / "build" / name, folder / name)


def registry() -> str:
    """Return the registry that builds of this engine can pull from."""
    return os.environ.get("CI_REGISTRY", "127.0.0.1:5000")


def push_base(target: str, *, source: str = "library/debian:trixie-slim", **config: list[str]) -> str:
    """Push an image again with other fields in its config; return the new reference."""
    repository, _, tag = source.partition(":")
    name, _, new_tag = target.partition(":")
    manifest = _get(f"{repository}/manifests/{tag}")
    image = _get(f"{repository}/blobs/{manifest['config']['digest']}")
    image["config"] = {**(image.get("config") or {}), **config}
    content = json.dumps(image).encode()
    for layer in manifest["layers"]:
        _send("POST", f"{name}/blobs/uploads/?mount={layer['digest']}&from={repository}", b"")
    place = _send("POST", f"{name}/blobs/uploads/", b"")
    separator = "&" if "?" in place else "?"
    _send("PUT", f"{place}{separator}digest=sha256:{sha256(content)}", content, "application/octet-stream")
    manifest["config"] |= {"digest": f"sha256:{sha256(content)}", "size": len(content)}
    _send("PUT", f"{name}/manifests/{new_tag}", json.dumps(manifest).encode(), _TYPE)
    return f"{registry()}/{name}:{new_tag}"


def _get(path: str) -> dict[str, Any]:
    """Read JSON from the registry, without our own client."""
    request = urllib.request.Request(f"http://{registry()}/v2/{path}", headers={"Accept": _TYPE})
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - the registry of these tests
        found: dict[str, Any] = json.load(response)
        return found


def _send(method: str, path: str, data: bytes, kind: str = "") -> str:
    """Send data to the registry; return the Location header."""
    url = path if "://" in path else f"http://{registry()}/v2/{path}"
    headers = {"Content-Type": kind} if kind else {}
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - as above
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - as above
        return str(response.headers["Location"])
