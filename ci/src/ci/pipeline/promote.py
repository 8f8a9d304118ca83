"""What is done with a release later: promote it, verify it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci import table
from ci.errors import PipelineError
from ci.evidence import claims
from ci.project import model
from ci.release import manifest
from ci.release import publish as releases
from ci.release.signing import by_public_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dagger

    from ci.pipeline.inputs import Inputs
    from ci.release.container import RegistryAccess

__all__ = ["Wanted", "check_target", "promote", "show", "verify"]

_COLUMNS = ("reference", "sbom", "provenance", "signature")


@dataclass(frozen=True)
class Wanted:
    """Which release: its release.json, or a version or another tag of its images."""

    release: dagger.File | None = None
    version: str = ""


def check_target(source: RegistryAccess, target: RegistryAccess) -> None:
    """Refuse to promote a registry to itself."""
    if target.registry == source.registry:
        raise PipelineError(
            "promote.same-registry",
            f"with-target --address {target.registry}: that is the registry where the release is published",
            hint="name another registry or another prefix, or leave it out",
        )


async def promote(  # noqa: PLR0913 - the options of the function
    inputs: Inputs,
    source: RegistryAccess,
    target: RegistryAccess | None,
    of: Wanted,
    only: list[str],
    *,
    dry_run: bool,
) -> str:
    """Copy a released set to the target by digest, with all that is attached."""
    if target is None:
        raise PipelineError(
            "promote.target-missing",
            f"registry --address {source.registry}: there is no target to promote to",
            hint="name it: registry … with-target --address host[:port][/prefix] promote …",
        )
    read = await _release(inputs, source, of)
    outcome = await releases.promote(
        read, await inputs.workspace(), source, target, only=only, dry_run=dry_run
    )
    return outcome.text()


async def verify(
    inputs: Inputs,
    access: RegistryAccess,
    of: Wanted,
    public_key: dagger.File | None,
    require: Sequence[str] = (),
) -> str:
    """Check that each digest of a release is there with its documents and evidence, and signed by the key."""
    for gate in require:
        if gate not in claims.GATES:
            raise PipelineError(
                "verify.unknown-gate",
                f"--require {gate}: there is no such gate",
                hint=f"choose from {', '.join(claims.GATES)}",
            )
    read = await _release(inputs, access, of)
    if str(access.registry) != read.registry:
        raise PipelineError(
            "verify.wrong-registry",
            f"registry --address {access.registry}: the manifest is of {read.registry}",
            hint=f"verify in {read.registry}, or give the other registry's manifest",
        )
    workspace = await inputs.workspace()
    signing = await by_public_key(workspace, public_key)
    done = await releases.verify(read, workspace, access, signing, require)
    rows = [[_named(item), *(item[column] for column in _COLUMNS)] for item in done]
    return table.text(["service", "verified", "SBOM", "provenance", "signature"], rows)


def _named(item: Mapping[str, Any]) -> str:
    platform = item.get("platform", "")
    return f"{item['service']} ({platform})" if platform else str(item["service"])


async def show(inputs: Inputs, access: RegistryAccess, of: Wanted) -> str:
    """Print the release.json of a release."""
    return manifest.write(await _release(inputs, access, of)).rstrip()


async def _release(inputs: Inputs, access: RegistryAccess, of: Wanted) -> manifest.Release:
    if bool(of.release) == bool(of.version):
        given = "both are given" if of.release else "neither is given"
        raise PipelineError(
            "release-manifest.not-chosen",
            f"--release and --version: {given}",
            hint="give --version 1.2.3 (or SERVICE/1.2.3), or --release with the file release.json",
        )
    if of.release:
        return manifest.read(await of.release.contents(), where="--release")
    service, _, tag = of.version.rpartition("/")
    services = model.select((await inputs.project()).compose.built, [service] if service else [])
    repository = access.registry.repository(next(iter(services)))
    reference = f"{repository}:{tag[1:] if re.match(r'v[0-9]', tag) else tag}"
    return await releases.stored_release(await inputs.workspace(), access, reference)
