"""Say, as an in-toto statement, what an image was built from and by whom.

Predicate: SLSA provenance 1.0 (slsa.dev/provenance/v1). It is made by the run
that it describes and not signed: SLSA Build L1. A local key (`--sign-key`)
signs the image's digest and changes nothing of that. With a signature of the
hosted platform's identity (keyless in CI) it is what L2 asks for; L3, keys out
of the build's reach, is not claimed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ci.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.release.labels import Origin

__all__ = ["MEDIA_TYPE", "PREDICATE_TYPE", "Build", "check", "statement"]

MEDIA_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


@dataclass(frozen=True)
class Build:
    """The inputs of one image.

    `materials` are references pinned by digest, each with that digest;
    `parameters` are those of the build (Dockerfile, target, arguments),
    `byproducts` are the digests of what else came out of it, by name (sbom),
    `versions` are those of the programs that built it.
    """

    service: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    materials: Mapping[str, str] = field(default_factory=dict)
    byproducts: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def statement(build: Build, origin: Origin, *, repository: str, digest: str, builder: str) -> bytes:
    """Return the statement about one digest: the same facts give the same bytes, so no clock is read."""
    source = origin.source or "urn:unknown-source"
    commit = {"uri": f"git+{source}@{origin.revision}", "digest": {"gitCommit": origin.revision}}
    images = [
        {"uri": _package_url(reference, material), "digest": _digest(material)}
        for reference, material in sorted(build.materials.items())
        if material
    ]
    byproducts = [
        {"name": name, "digest": _digest(value)} for name, value in sorted(build.byproducts.items())
    ]
    return _bytes(
        {
            "_type": _STATEMENT_TYPE,
            "subject": [{"name": repository, "digest": _digest(digest)}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "buildDefinition": {
                    "buildType": f"{source}#ci/images/v1",
                    "externalParameters": {"service": build.service, **build.parameters},
                    "resolvedDependencies": [commit, *images],
                },
                "runDetails": {
                    "builder": {"id": builder, "version": dict(build.versions)},
                    "byproducts": byproducts,
                },
            },
        }
    )


def check(content: bytes, *, digest: str, sbom: str) -> None:
    """Refuse a statement that is not about this digest and this SBOM."""
    try:
        data: dict[str, Any] = json.loads(content)
        kinds = (data["_type"], data["predicateType"])
        subjects = [subject["digest"]["sha256"] for subject in data["subject"]]
        outputs = data["predicate"]["runDetails"]["byproducts"]
        sboms = [output["digest"]["sha256"] for output in outputs if output["name"] == "sbom"]
    except (ValueError, KeyError, TypeError) as error:
        raise _wrong(
            "provenance.unreadable", f"is no SLSA provenance ({type(error).__name__}: {error})"
        ) from error
    if kinds != (_STATEMENT_TYPE, PREDICATE_TYPE):
        raise _wrong("provenance.wrong-type", f"is a {kinds[1]}, not a {PREDICATE_TYPE}")
    if digest.removeprefix("sha256:") not in subjects:
        raise _wrong(
            "provenance.wrong-subject", f"is about {', '.join(subjects) or 'nothing'}, not about {digest}"
        )
    if sbom.removeprefix("sha256:") not in sboms:
        raise _wrong(
            "provenance.wrong-sbom",
            f"names the SBOM {', '.join(sboms) or '(none)'}, the one attached is {sbom}",
        )


def _wrong(code: str, what: str) -> PipelineError:
    return PipelineError(code, f"the provenance {what}", hint="do not use this image; publish it again")


def _digest(text: str) -> dict[str, str]:
    algorithm, _, value = text.partition(":")
    return {algorithm: value}


def _package_url(reference: str, digest: str) -> str:
    """Return an image reference as a package URL (github.com/package-url, type docker); an address stays."""
    if "://" in reference:
        return reference
    host, slash, rest = reference.partition("@")[0].partition("/")
    on_hub = not slash or not any(character in host for character in ".:")
    name, _, tag = (f"{host}{slash}{rest}" if on_hub else rest).partition(":")
    qualifiers = [f"repository_url={host}"] if not on_hub else []
    qualifiers += [f"tag={tag}"] if tag else []
    return f"pkg:docker/{name}@{digest}" + ("?" + "&".join(qualifiers) if qualifiers else "")


def _bytes(data: dict[str, Any]) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
