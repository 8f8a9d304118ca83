"""An image that may be released, with what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ci.build import image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dagger

    from ci.build.image import BuiltImage
    from ci.workspace import Workspace

__all__ = ["Candidate", "candidate"]


@dataclass(frozen=True)
class Candidate:
    """An image that may be released: what passed, and what is known of it.

    `gates` maps gates to outcomes; `base` is the reference that its last stage is based on,
    `materials` every image that its build used, reference to digest; `platform` is given if the service has
    images for several.
    """

    artifact: BuiltImage
    sbom: dagger.File
    gates: Mapping[str, str]
    evidence: Sequence[Mapping[str, Any]] = ()  # statements without a subject
    base: str = ""
    materials: Mapping[str, str] = field(default_factory=dict)
    uncompressed: int = 0
    platform: str = ""

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the build, for the provenance."""
        return dict(self.artifact.parameters)


async def candidate(  # noqa: PLR0913, PLR0917 - an image and what is known of it
    workspace: Workspace,
    artifact: BuiltImage,
    sbom: dagger.File,
    gates: Mapping[str, str],
    evidence: Sequence[Mapping[str, Any]] = (),
    platform: str = "",
) -> Candidate:
    """Return a candidate with the materials that BuildKit recorded, by digest."""
    materials = {str(material): material.digest for material in artifact.provenance.materials}
    base = str(artifact.base) if artifact.base else ""
    uncompressed = await image.uncompressed(workspace, artifact)
    materials |= artifact.provenance.others
    return Candidate(artifact, sbom, gates, tuple(evidence), base, materials, uncompressed, platform)
