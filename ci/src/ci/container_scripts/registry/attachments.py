"""SBOM and provenance of an image: attached to its digest, and checked against each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError
from ci.evidence import statement
from ci.evidence.statement import MEDIA_TYPE
from ci.registry import referrers
from ci.registry.digests import digest_of
from ci.release import provenance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.registry.client import Client

__all__ = ["SBOM", "attach", "files", "require", "verify"]

SBOM = "application/vnd.cyclonedx+json"


def attach(client: Client, subject: str, paths: Mapping[str, str]) -> None:
    """Attach each file (path to media type) to a digest."""
    contents = [(Path(path).read_bytes(), kind) for path, kind in paths.items()]
    referrers.attach(client, subject, contents)


def verify(client: Client, subject: str, *, sbom: str = "", statement: str = "") -> dict[str, str]:
    """Check that a digest has an SBOM and a provenance that fit it and each other.

    `sbom` and `statement` are the digests of the files that must be these, as a release manifest has them.
    Returns the two files' digests.
    """
    repository, _, digest = subject.partition("@")
    if client.manifest(subject) is None:
        raise PipelineError(
            "registry.image-missing", f"{subject} is not there", hint="check the registry and the digest"
        )
    found = files(client, subject, {SBOM, provenance.MEDIA_TYPE})
    sboms = [file for file in found.get(SBOM, []) if sbom in ("", file)]
    statements = [file for file in found.get(provenance.MEDIA_TYPE, []) if statement in ("", file)]
    for name, there, wanted in (("SBOM", sboms, sbom), ("provenance", statements, statement)):
        if not there:
            raise PipelineError(
                "registry.attachment-missing",
                f"{subject} has no {name} attached{f' that is {wanted}' if wanted else ''}",
                hint="do not use this image; publish it again",
            )
    problem: PipelineError | None = None
    for candidate in statements:
        content = client.blob(repository, candidate)
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


def require(
    client: Client,
    subject: str,
    gates: Sequence[str],
    signed: Sequence[bytes] | None,
    *,
    platform: str = "",
) -> None:
    """Check that a digest has evidence of gates: a statement about it, that the gate has passed.

    `signed` are the statements with a valid signature, where signatures are checked: no other counts then.
    `platform` is named in the error if the image is one of several.
    """
    if not gates:
        return
    repository, _, digest = subject.partition("@")
    if signed is None:
        attached = files(client, subject, {MEDIA_TYPE}).get(MEDIA_TYPE, [])
        signed = [client.blob(repository, each) for each in attached]
        kind = "evidence"
    else:
        kind = "evidence signed by the key of --public-key"
    passed = {statement.passed(each.decode(errors="replace"), digest) for each in signed}
    if missing := [gate for gate in gates if gate not in passed]:
        raise PipelineError(
            "verify.evidence-missing",
            f"{subject}{f' ({platform})' if platform else ''} has no {kind}: {', '.join(missing)}",
            hint="publish it with --evidence, or do not require it",
        )


def files(client: Client, subject: str, kinds: set[str]) -> dict[str, list[str]]:
    """Return the digests of the attached files of some types, by their type.

    The type is read from the manifest of what is attached, because Harbor lists the type of its config
    instead. What is listed and not there any more, after a clean-up of what has no tag, is left out.
    """
    repository = subject.partition("@")[0]
    found: dict[str, list[str]] = {}
    for entry in referrers.referrers(client, subject):
        content = client.manifest(f"{repository}@{entry['digest']}")
        manifest: dict[str, Any] = json.loads(content or b"{}")
        kind = manifest.get("artifactType") or manifest.get("config", {}).get("mediaType", "")
        if kind in kinds:
            found.setdefault(kind, []).extend(layer["digest"] for layer in manifest["layers"])
    return found
