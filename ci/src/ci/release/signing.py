"""Have cosign and a key where the registry's program runs, as it wants them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagger

from ci import tools
from ci.errors import PipelineError
from ci.release import signatures
from ci.release.container import is_there, program, run

if TYPE_CHECKING:
    from ci.workspace import Workspace

__all__ = ["Signing", "by_public_key", "signing"]

_KEY = "/run/secrets/sign-key"
_PASSWORD = "/run/secrets/sign-password"  # noqa: S105 - where it is, not what
_PUBLIC = "/cosign.pub"


@dataclass(frozen=True)
class Signing:
    """How to sign, or check signatures: `files` and `secrets` by their place, `request` for the program.

    Without any nothing is signed and nothing is checked.
    """

    files: dict[str, dagger.File] = field(default_factory=dict)
    secrets: dict[str, dagger.Secret] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)

    def program(self, workspace: Workspace) -> dagger.Container:
        """Return the registry's program with all of that beside it."""
        container = program(workspace)
        for path, file in self.files.items():
            container = container.with_mounted_file(path, file)
        for path, secret in self.secrets.items():
            container = container.with_mounted_secret(path, secret, mode=0o400)
        return container


async def signing(workspace: Workspace, key: dagger.Secret | None, password: dagger.Secret | None) -> Signing:
    """Prepare signing with a key, or nothing if there is none; a key that does not work is refused here."""
    if key is None:
        if password is not None:
            raise PipelineError(
                "signing.key-missing",
                "--sign-password is given without --sign-key",
                hint="give both, or neither: without a key nothing is signed",
            )
        return Signing()
    for option, secret in (("--sign-key", key), ("--sign-password", password)):
        if secret is not None and not await is_there(secret):
            # Not repeated: it may be the key itself.
            raise PipelineError(
                "signing.secret-empty",
                f"{option}: it is empty, or is not given as a secret",
                hint=f"give {option} env:VARIABLE or file:PATH, never its value",
            )
    place = {"key_file": _KEY} | ({"password_file": _PASSWORD} if password else {})
    made = Signing(
        files={"/cosign": await _cosign(workspace)},
        secrets={_KEY: key} | ({_PASSWORD: password} if password else {}),
        request={"cosign": "/cosign", "signing": place},
    )
    await run(made.program(workspace), "key", {"images": [], **made.request}, {})
    return made


async def by_public_key(workspace: Workspace, key: dagger.File | None) -> Signing:
    """Prepare checking signatures by a public key, or nothing if there is none."""
    if key is None:
        return Signing()
    signatures.check_public(await key.contents())
    return Signing(
        files={"/cosign": await _cosign(workspace), _PUBLIC: key},
        request={"cosign": "/cosign", "signing": {"public_key_file": _PUBLIC}},
    )


async def _cosign(workspace: Workspace) -> dagger.File:
    try:
        return await workspace.tool(tools.COSIGN).file("/ko-app/cosign").sync()
    except dagger.QueryError as error:
        raise PipelineError(
            "signing.cosign-unavailable",
            f"cosign is not available: its image {tools.COSIGN.partition('@')[0]} cannot be pulled",
            details=str(error),
            hint="on the air-gapped engine run python3 -m airgap up, which provides it; "
            "in another, map it to an image that your engine can pull",
        ) from error
