"""A service's image for two platforms, as a request to push, promote or verify it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci.container_scripts import label
from ci.release import labels, provenance
from tests.release import by_hand, layouts, sets

if TYPE_CHECKING:
    from pathlib import Path

    from tests.release.registry import Registry

PLATFORMS = ("linux/amd64", "linux/arm64")
SERVICE = "web"
REPOSITORY = f"{sets.PREFIX}/{SERVICE}"


@dataclass(frozen=True)
class Built:
    """The image for one platform; `digest` is what it will be when it is labelled."""

    platform: str
    layout: Path
    labels: dict[str, str]
    layers: list[dict[str, Any]]
    sbom: Path
    digest: str


@dataclass(frozen=True)
class Image:
    """The image of one commit for each platform. What surrounds it is an ordinary set without images."""

    around: sets.Set
    built: tuple[Built, ...]

    def request(self, host: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        """Return the request to push it."""
        request = self.around.request(host, **changes)
        request["images"] = [
            {
                **self._tags(),
                "repository": f"{host}/{REPOSITORY}",
                "platforms": [
                    {
                        "platform": each.platform,
                        "layout": str(each.layout),
                        "labels": each.labels,
                        "layers": each.layers,
                        "sbom_file": str(each.sbom),
                        "build": {"parameters": {}, "materials": {}, "versions": sets.VERSIONS},
                        "facts": {"size": 1, "uncompressed": 2, "gates": {"scan": "passed"}},
                    }
                    for each in self.built
                ],
            }
        ]
        return request

    def verification(self, host: str) -> dict[str, Any]:
        """Return the request to verify it, by what its manifest says."""
        request = self.around.request(host)
        request["images"] = [
            {
                **self._tags(),
                "repository": f"{host}/{REPOSITORY}",
                "digest": self.digest,
                "sbom": "",
                "provenance": "",
                "platforms": [self._expected(each, host) for each in self.built],
            }
        ]
        return request

    def promotion(self, source: str, target: str) -> dict[str, Any]:
        """Return the request to copy it from one registry to another."""
        request = self.verification(source)
        request["registries"].append({"host": target, "plain_http": True})
        request["release"]["registry"] = f"{target}/{sets.PREFIX}"
        (item,) = request["images"]
        item["from"], item["repository"] = item["repository"], f"{target}/{REPOSITORY}"
        return request

    @property
    def digest(self) -> str:
        """The digest of the index, which is written here by hand."""
        manifests = [
            {
                "mediaType": by_hand.MANIFEST,
                "digest": each.digest,
                "size": len(_manifest(each)),
                "platform": {"architecture": each.platform.partition("/")[2], "os": "linux"},
            }
            for each in self.built
        ]
        annotations = {key: self.built[0].labels[key] for key in sorted(self.built[0].labels)}
        index = {
            "schemaVersion": 2,
            "mediaType": by_hand.INDEX,
            "manifests": manifests,
            "annotations": {key: value for key, value in annotations.items() if ".base." not in key},
        }
        return sets.digest_of(json.dumps(index, separators=(",", ":")).encode())

    def _tags(self) -> dict[str, Any]:
        return {
            "service": SERVICE,
            "fixed": self.around.fixed,
            "moving": self.around.moving,
            "version": self.around.version,
            "created": self.around.created,
            "revision": self.around.origin.revision,
            "facts": {"size": 2, "uncompressed": 4, "gates": {"scan": "passed"}},
        }

    def _expected(self, built: Built, host: str) -> dict[str, Any]:
        sbom = sets.digest_of(built.sbom.read_bytes())
        statement = provenance.statement(
            provenance.Build(SERVICE, byproducts={"sbom": sbom}, versions=sets.VERSIONS),
            self.around.origin,
            repository=f"{host}/{REPOSITORY}",
            digest=built.digest,
            builder="urn:test",
        )
        return {
            "platform": built.platform,
            "digest": built.digest,
            "sbom": sbom,
            "provenance": sets.digest_of(statement),
            "facts": {"size": 1, "uncompressed": 2, "gates": {"scan": "passed"}},
        }


def make(folder: Path, **changes: Any) -> Image:  # noqa: ANN401 - of `sets.make`
    """Make the image of a commit for both platforms."""
    around = sets.make(folder, services=(), **changes)
    return Image(around, tuple(_built(folder / platform[6:], platform, around) for platform in PLATFORMS))


def _built(folder: Path, platform: str, around: sets.Set) -> Built:
    architecture = platform.partition("/")[2]
    layers = [b"files of all platforms", f"programs for {platform} of {around.origin.revision}".encode()]
    layouts.make(folder / "layout", layers, config={**layouts.CONFIG, "architecture": architecture})
    wanted = labels.for_image(SERVICE, around.origin, base=f"base-{architecture}", base_digest="")
    shutil.copytree(folder / "layout", folder / "released")
    facts = label.label(folder / "released", wanted)
    sbom = folder / "sbom.json"
    sbom.write_text(json.dumps({"bomFormat": "CycloneDX", "components": [], "of": platform}))
    return Built(platform, folder / "layout", wanted, facts["layers"], sbom, facts["digest"])


def _manifest(built: Built) -> bytes:
    return label.blob(built.layout.parent / "released", built.digest).read_bytes()


def assert_released(registry: Registry, image: Image, *tags: str) -> None:
    """Fail unless tags point to the index, and each platform has its documents."""
    found = sets.release_tags(registry, SERVICE)
    expected = tags or (*image.around.fixed, *image.around.moving)
    assert {tag: found.get(tag) for tag in expected} == dict.fromkeys(expected, image.digest)
    for each in image.built:
        for kind in (sets.CYCLONEDX, provenance.MEDIA_TYPE):
            assert len(by_hand.attached(registry.host, REPOSITORY, each.digest, kind)) == 1
