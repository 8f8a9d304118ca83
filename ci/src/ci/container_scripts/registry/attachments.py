"""SBOM and provenance of an image: attached to its digest, and checked against each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.container_scripts.registry.regctl import digest_of
from ci.errors import PipelineError
from ci.release import provenance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.container_scripts.registry.regctl import Regctl

__all__ = ["SBOM", "attach", "verify"]

SBOM = "application/vnd.cyclonedx+json"
# Another run's write can push ours out of the list of a registry that keeps it under a tag.
_ROUNDS = 3


def attach(regctl: Regctl, subject: str, files: Mapping[str, str]) -> None:
    """Attach each file (path to media type), one after the other.

    Attaching the same file again adds nothing. Written side by side, entries
    of one subject get lost; so the list is read back and completed.
    """
    for _ in range(_ROUNDS):
        wanted = {regctl.attach(subject, Path(file), kind) for file, kind in files.items()}
        if wanted <= {entry["digest"] for entry in regctl.referrers(subject)}:
            return
    raise PipelineError(
        "registry.attachment-lost",
        f"what is attached to {subject} does not stay in its list",
        hint="see that no other run writes to the same images, then run it again",
    )


def verify(regctl: Regctl, subject: str, *, sbom: str = "", statement: str = "") -> dict[str, str]:
    """Check that a digest has an SBOM and a provenance that fit it and each other.

    `sbom` and `statement` are the digests of the files that must be these, as
    a release manifest has them. Returns the two files' digests.
    """
    repository, _, digest = subject.partition("@")
    if regctl.manifest(subject) is None:
        raise PipelineError(
            "registry.image-missing", f"{subject} is not there", hint="check the registry and the digest"
        )
    files = _files(regctl, repository, subject)
    sboms = [file for file in files.get(SBOM, []) if sbom in ("", file)]
    statements = [file for file in files.get(provenance.MEDIA_TYPE, []) if statement in ("", file)]
    for name, found, asked in (("SBOM", sboms, sbom), ("provenance", statements, statement)):
        if not found:
            raise PipelineError(
                "registry.attachment-missing",
                f"{subject} has no {name} attached{f' that is {asked}' if asked else ''}",
                hint="do not use this image; publish it again",
            )
    problem: PipelineError | None = None
    for candidate in statements:
        content = regctl.blob(repository, candidate)
        for other in sboms:
            try:
                provenance.check(content, digest=digest, sbom=other)
            except PipelineError as error:
                problem = PipelineError(error.code, f"{subject}: {error.what}", hint=error.hint)
            else:
                return {"sbom": other, "provenance": digest_of(content)}
    raise problem or PipelineError(
        "registry.nothing-to-check", f"{subject}: nothing to check", hint="publish it again"
    )


def _files(regctl: Regctl, repository: str, subject: str) -> dict[str, list[str]]:
    """Return the digests of the attached files by their type."""
    files: dict[str, list[str]] = {}
    for entry in regctl.referrers(subject):
        kind = entry.get("artifactType", "")
        if kind not in {SBOM, provenance.MEDIA_TYPE}:
            continue
        content = regctl.manifest(f"{repository}@{entry['digest']}")
        if content is not None:
            manifest: dict[str, Any] = json.loads(content)
            files.setdefault(kind, []).extend(layer["digest"] for layer in manifest["layers"])
    return files
