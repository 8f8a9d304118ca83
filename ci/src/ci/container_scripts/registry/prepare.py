"""Make of an image that passed the gates the one that is released, and what is attached to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.container_scripts import label
from ci.container_scripts.registry.attachments import SBOM
from ci.errors import PipelineError
from ci.evidence.statement import about
from ci.registry.digests import digest_of, media_type
from ci.release import index, labels, provenance

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["prepare"]

Json = dict[str, Any]


def prepare(item: Json, origin: Mapping[str, str], builder: str, folder: Path) -> Json:
    """Label the layout, check its layers, and write the provenance into `folder`.

    Returns the requested image with its digest and what is to be attached.
    """
    facts = label.label(Path(item["layout"]), item["labels"])
    labels.check_layers(item["service"], item["layers"], facts["layers"])
    try:
        sbom = digest_of(Path(item["sbom_file"]).read_bytes())
    except FileNotFoundError as error:
        raise PipelineError(
            "release.sbom-missing",
            f"service '{item['service']}' has no SBOM",
            hint="scan it: an image that is not scanned is not pushed",
        ) from error
    build = item["build"]
    statement = provenance.statement(
        provenance.Build(
            service=item["service"],
            parameters=build["parameters"],
            materials=build["materials"],
            byproducts={"sbom": sbom},
            versions=build["versions"],
        ),
        labels.Origin(**origin),
        repository=item["repository"],
        digest=facts["digest"],
        builder=builder,
    )
    # No service has an @ in its name.
    name = "@".join(filter(None, (item["service"], item.get("platform", "").replace("/", "-"))))
    file = folder / f"{name}.json"
    file.write_bytes(statement)
    passed = _evidence(item, facts["digest"], folder / name)
    manifest = label.blob(Path(item["layout"]), facts["digest"]).read_bytes()
    return {
        **item,
        "digest": facts["digest"],
        "descriptor": index.descriptor(manifest, facts["digest"], media_type(manifest), facts["config"]),
        "attachments": {item["sbom_file"]: SBOM, str(file): provenance.MEDIA_TYPE, **passed},
        "statements": [str(file), *passed],
        "sbom": sbom,
        "provenance": digest_of(statement),
    }


def _evidence(item: Json, digest: str, place: Path) -> dict[str, str]:
    """Write the statements about an image to files whose names begin with `place`."""
    passed = {}
    for number, each in enumerate(item.get("evidence", ())):
        evidence = place.with_name(f"{place.name}.{number}.json")
        evidence.write_text(about(each, {item["repository"]: digest}))
        passed[str(evidence)] = provenance.MEDIA_TYPE
    return passed
