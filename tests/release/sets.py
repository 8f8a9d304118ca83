"""Sets of images as a release makes them, the program that pushes them, and a judge of the outcome.

The judge asks the registry itself, over HTTP, and shares no code with what it judges.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.container_scripts import label
from ci.release import labels, provenance, registries
from tests.release import layouts

if TYPE_CHECKING:
    from tests.release.registry import Registry

SOURCES = Path(__file__).parents[2] / "ci" / "src"
SERVICES = ("agent", "assistant", "gateway", "knowledge", "research")
CYCLONEDX = "application/vnd.cyclonedx+json"
SIGNATURE = "application/vnd.dev.sigstore.bundle.v0.3+json"
RELEASE = "application/vnd.containerise.release.v1+json"
BASE_SIZE, OWN_SIZE = 400_000, 60_000
# A test does not wait as long as a release does; what tests the waiting sets its own.
LIMITS = {"seconds": 20.0, "tries": 2, "pace": 0.1}
PREFIX = "shop"
VERSIONS = {"Engine": "28.5.2"}  # of the programs that built an image, as the provenance has them
REFUSED = 10  # the exit code of an error that is told


@dataclass(frozen=True)
class Built:
    """One image that passed the gates; `digest` and `blobs` are what it will be when it is labelled."""

    service: str
    layout: Path
    labels: dict[str, str]
    layers: list[dict[str, Any]]
    sbom: Path
    digest: str
    blobs: dict[str, int]


@dataclass
class Set:
    """The images of one commit, and the tags they are to get."""

    folder: Path
    images: list[Built]
    fixed: list[str]
    moving: list[str]
    version: str
    origin: labels.Origin

    @property
    def created(self) -> str:
        return self.origin.created

    def request(self, host: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        registry = registries.parse(f"{host}/{PREFIX}")
        return {
            "registries": [{"host": host, "plain_http": True}],
            "images": [
                {
                    "service": image.service,
                    "repository": registry.repository(image.service),
                    "layout": str(image.layout),
                    "labels": image.labels,
                    "layers": image.layers,
                    "sbom_file": str(image.sbom),
                    "build": {"parameters": {}, "materials": {}, "versions": VERSIONS},
                    "facts": {
                        "size": sum(image.blobs.values()),
                        "uncompressed": 1,
                        "gates": {"scan": "passed"},
                    },
                    "fixed": self.fixed,
                    "moving": self.moving,
                    "version": self.version,
                    "created": self.created,
                    "revision": self.origin.revision,
                }
                for image in self.images
            ],
            "release": {
                "ref": f"refs/tags/v{self.version}" if self.version else "refs/heads/main",
                "version": self.version,
                "commit": self.origin.revision,
                "created": self.created,
                "registry": str(registry),
            },
            "origin": asdict(self.origin),
            "builder": "urn:test",
            "parallel": 4,
            "dry_run": False,
            "limits": LIMITS,
            **changes,
        }

    def promotion(self, source: str, target: str) -> dict[str, Any]:
        """Return the request to copy this set from one registry to another."""
        request = self.verification(source)
        request["registries"].append({"host": target, "plain_http": True})
        request["release"]["registry"] = f"{target}/{PREFIX}"
        for image in request["images"]:
            image["from"] = image["repository"]
            image["repository"] = f"{target}/{PREFIX}/{image['service']}"
        return request

    def verification(self, host: str) -> dict[str, Any]:
        """Return the request to verify this set in a registry, by what its manifest says."""
        request = self.request(host)
        made = {"layout", "labels", "layers", "sbom_file", "build"}
        request["images"] = [
            {
                **{key: value for key, value in item.items() if key not in made},
                "digest": image.digest,
                "sbom": digest_of(image.sbom.read_bytes()),
                "provenance": digest_of(self.statement(image, host)),
            }
            for image, item in zip(self.images, request["images"], strict=True)
        ]
        return request

    def statement(self, image: Built, host: str) -> bytes:
        """Return the provenance that a push to this host attaches."""
        return provenance.statement(
            provenance.Build(
                image.service,
                byproducts={"sbom": digest_of(image.sbom.read_bytes())},
                versions=VERSIONS,
            ),
            self.origin,
            repository=f"{host}/{PREFIX}/{image.service}",
            digest=image.digest,
            builder="urn:test",
        )


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def make(  # noqa: PLR0913 - a test varies one of them
    folder: Path,
    *,
    version: str = "1.2.3",
    revision: str = "",
    created: str = "2026-03-01T10:00:00Z",
    moving: list[str] | None = None,
    content: str = "",
    changed: str = "",
    services: tuple[str, ...] = SERVICES,
) -> Set:
    """Make the images of a commit.

    `content` is what the layers are made from (the same gives the same
    layers), `changed` the service whose own layer differs all the same.
    """
    revision = revision or hashlib.sha1(folder.name.encode(), usedforsecurity=False).hexdigest()
    origin = labels.origin(revision, created, version=version or "0.0.0")
    base = random.Random(f"base {content}").randbytes(BASE_SIZE)  # noqa: S311 - content that does not compress
    images = []
    for service in services:
        seed = f"{service} {content} {revision if service == changed else ''}"
        own = random.Random(seed).randbytes(OWN_SIZE)  # noqa: S311 - as above
        images.append(_image(folder / service, service, [base, own], origin))
    major, minor, _ = (version or "0.0.0").split(".")
    fixed = [f"sha-{revision[:7]}", *([version] if version else [])]
    general = [f"{major}.{minor}", major, "latest"] if version else ["main", "edge"]
    return Set(folder, images, fixed, general if moving is None else moving, version, origin)


def _image(folder: Path, service: str, layers: list[bytes], origin: labels.Origin) -> Built:
    layouts.make(folder / "layout", layers)
    wanted = labels.for_image(service, origin, base="scratch", base_digest="")
    shutil.copytree(folder / "layout", folder / "released")
    facts = label.label(folder / "released", wanted)
    manifest = facts["manifest"]
    sbom = folder / "sbom.json"
    sbom.write_text(json.dumps({"bomFormat": "CycloneDX", "components": [], "of": service}))
    blobs = {item["digest"]: item["size"] for item in (manifest["config"], *manifest["layers"])}
    return Built(service, folder / "layout", wanted, facts["layers"], sbom, facts["digest"], blobs)


@dataclass
class Run:
    """What a run of the program came to."""

    code: int
    said: str
    outcome: dict[str, Any] = field(default_factory=dict)

    @property
    def error(self) -> str:
        error = self.outcome.get("error", {})
        return "\n".join(error[key] for key in ("what", "details", "hint", "code") if error.get(key))


def start(request: dict[str, Any], folder: Path, command: str = "push", **env: str) -> subprocess.Popen[str]:
    """Start the program as a container would, in a folder for its files; `env` are further variables."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "request.json").write_text(json.dumps(request))
    return subprocess.Popen(
        [sys.executable, "-m", "ci.container_scripts.registry", command, "request.json", "outcome.json"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES), "TMPDIR": str(folder), **env},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill(process: subprocess.Popen[str]) -> None:
    """End the program and all that it started at once, as the end of a container does."""
    os.killpg(process.pid, signal.SIGKILL)


def finish(process: subprocess.Popen[str], folder: Path, within: float = 120.0) -> Run:
    """Wait for the program and read what it wrote."""
    try:
        _, said = process.communicate(timeout=within)
    finally:
        process.kill()
    file = folder / "outcome.json"
    outcome = json.loads(file.read_text()) if file.exists() else {}
    return Run(process.returncode, said, outcome)


def run(request: dict[str, Any], folder: Path, command: str = "push", **env: str) -> Run:
    return finish(start(request, folder, command, **env), folder)


def release_tags(registry: Registry, service: str) -> dict[str, str]:
    """Return the tags that a user would deploy: not the registry's and the program's own."""
    tags = registry.tags(f"{PREFIX}/{service}")
    return {tag: digest for tag, digest in tags.items() if not tag.startswith(("sha256-", "claim-"))}


def assert_complete(registry: Registry, *sets: Set) -> None:
    """Fail if any tag points to anything but an image of a set that is wholly there."""
    whole = {image.digest for images in sets if _is_whole(registry, images) for image in images.images}
    for service in SERVICES:
        for tag, digest in release_tags(registry, service).items():
            assert digest in whole, f"{service}:{tag} is {digest}, which belongs to no complete set"


def assert_released(registry: Registry, released: Set, *, tags: list[str] | None = None) -> None:
    """Fail unless the whole set is there with all its tags (or those named)."""
    assert _is_whole(registry, released)
    for image in released.images:
        found = release_tags(registry, image.service)
        expected = released.fixed + released.moving if tags is None else tags
        assert {tag: found.get(tag) for tag in expected} == dict.fromkeys(expected, image.digest)


def assert_untagged(registry: Registry) -> None:
    for service in SERVICES:
        assert release_tags(registry, service) == {}


def attached(registry: Registry, image: Built) -> list[str]:
    """Return the types of what is attached to an image, as the registry lists them."""
    # This registry has no referrers API: the list is under a tag of the digest.
    status, body = registry.get(
        f"/v2/{PREFIX}/{image.service}/manifests/{image.digest.replace(':', '-')}",
        Accept="application/vnd.oci.image.index.v1+json",
    )
    return [item["artifactType"] for item in json.loads(body)["manifests"]] if status == 200 else []


def _is_whole(registry: Registry, released: Set) -> bool:
    for image in released.images:
        repository = f"{PREFIX}/{image.service}"
        if registry.digest(repository, image.digest) != image.digest:
            return False
        if any(registry.get(f"/v2/{repository}/blobs/{digest}")[0] != 200 for digest in image.blobs):
            return False
        kinds = [kind for kind in attached(registry, image) if kind not in {SIGNATURE, RELEASE}]
        if sorted(kinds) != sorted([CYCLONEDX, provenance.MEDIA_TYPE]):
            return False
    return True
