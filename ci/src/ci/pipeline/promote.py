"""What is done with a release later: promote it, verify it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci import table
from ci.errors import PipelineError
from ci.release import manifest
from ci.release import publish as releases
from ci.release.signing import by_public_key

if TYPE_CHECKING:
    import dagger

    from ci.pipeline.inputs import Inputs
    from ci.release.container import RegistryAccess

__all__ = ["check_target", "promote", "verify"]

_COLUMNS = ("service", "reference", "sbom", "provenance", "signature")


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
    release: dagger.File,
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
    read = manifest.read(await release.contents(), where="--release")
    outcome = await releases.promote(
        read, await inputs.workspace(), source, target, only=only, dry_run=dry_run
    )
    return outcome.text()


async def verify(
    inputs: Inputs, access: RegistryAccess, release: dagger.File, public_key: dagger.File | None
) -> str:
    """Check that each digest of a release is there with its documents, and signed by the key."""
    read = manifest.read(await release.contents(), where="--release")
    if str(access.registry) != read.registry:
        raise PipelineError(
            "verify.wrong-registry",
            f"registry --address {access.registry}: the manifest is of {read.registry}",
            hint=f"verify in {read.registry}, or give the other registry's manifest",
        )
    workspace = await inputs.workspace()
    done = await releases.verify(read, workspace, access, await by_public_key(workspace, public_key))
    rows = [[item[column] for column in _COLUMNS] for item in done]
    return table.text(["service", "verified", "SBOM", "provenance", "signature"], rows)
