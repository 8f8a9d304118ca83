"""Read BuildKit's provenance of a build: the images that it used, and the layers of the base."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Material", "Provenance", "read"]

_IMAGE = "pkg:docker/"
_BUILDKIT = "https://mobyproject.org/buildkit@v1#metadata"


@dataclass(frozen=True)
class Material:
    """An image that a build used, as BuildKit resolved it; `pinned` if the build named a digest."""

    reference: str
    digest: str
    pinned: bool

    def __str__(self) -> str:
        return f"{self.reference}@{self.digest}"


@dataclass(frozen=True)
class Provenance:
    """The materials of one build; `others` maps archives and repositories to their digests.

    `sources` maps an image's reference to the digests of its layers.
    """

    materials: tuple[Material, ...]
    others: Mapping[str, str]
    sources: Mapping[str, tuple[str, ...]]

    def without_layers(self) -> list[Material]:
        """Return the materials whose layers BuildKit did not record.

        It records none if all steps on an image came from a layer cache, because it then did not look at it.
        """
        return [
            each
            for each in self.materials
            if str(each) not in self.sources and each.reference not in self.sources
        ]

    def base(self, layers: Sequence[str]) -> tuple[Material | None, int]:
        """Return the image that the layers begin with, and its number of layers; None and 0 if there is none.

        Of two images with the same layers, the one that the build names first is returned.
        """
        found: Material | None = None
        count = 0
        for material in self.materials:
            # The recorded step has no digest for a context that is an image.
            own = self.sources.get(str(material)) or self.sources.get(material.reference, ())
            if len(own) > count and tuple(layers[: len(own)]) == own:
                found, count = material, len(own)
        return found, count


def read(metadata: str, target: str) -> Provenance:
    """Read the file that Bake wrote with `--metadata-file`."""
    recorded: dict[str, Any] = json.loads(metadata)[target]["buildx.build.provenance"]
    materials, others = [], {}
    for item in recorded.get("materials") or ():
        digest = next((f"{kind}:{value}" for kind, value in (item.get("digest") or {}).items()), "")
        if item["uri"].startswith(_IMAGE):
            materials.append(_material(item["uri"], digest))
        else:
            others[item["uri"]] = digest
    return Provenance(tuple(materials), others, _sources(recorded))


def _material(uri: str, digest: str) -> Material:
    """Read a package URL, such as `pkg:docker/library/redis@7?digest=sha256:…&platform=linux%2Famd64`."""
    name, _, query = uri.removeprefix(_IMAGE).partition("?")
    name, _, version = name.rpartition("@") if "@" in name else (name, "", "")
    pinned = "digest" in parse_qs(query)
    tag = unquote(version)
    if tag.startswith("sha256:"):
        pinned, tag = True, ""
    return Material(unquote(name) + (f":{tag}" if tag else ""), digest, pinned)


def _sources(recorded: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the layers of each image that the build uses in FROM or COPY --from."""
    steps = (recorded.get("buildConfig") or {}).get("llbDefinition") or ()
    layers = ((recorded.get("metadata") or {}).get(_BUILDKIT) or {}).get("layers") or {}
    found = {}
    for step in steps:
        source = ((step.get("op") or {}).get("Op") or {}).get("source") or {}
        identifier = source.get("identifier", "")
        chains = layers.get(f"{step['id']}:0") or ()
        if identifier.startswith("docker-image://") and chains:
            name = _short(identifier.removeprefix("docker-image://"))
            found[name] = tuple(layer["digest"] for layer in chains[0])
    return found


def _short(reference: str) -> str:
    """Shorten a reference as in package URLs, without Docker Hub's implied prefixes."""
    return reference.removeprefix("docker.io/").removeprefix("library/")
