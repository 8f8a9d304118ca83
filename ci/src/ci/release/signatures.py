"""What cosign is told when it signs and verifies with a local key, and what its words mean.

A signature is a sigstore bundle, a referrer of the image's digest. No
transparency log and no trust root of a public service is asked: who has the
public key trusts that key, and the registry is all that is reached.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ci.errors import PipelineError
from ci.release import retries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["check_public", "judge", "key_error", "sign", "verify", "words"]

# What a signature states. `cosign verify` alone also takes any other statement by the same key for one.
_TYPE = "https://sigstore.dev/cosign/sign/v1"
_PUBLIC = re.compile(r"-----BEGIN PUBLIC KEY-----\s.*-----END PUBLIC KEY-----", re.DOTALL)
_HTTP = "--allow-http-registry"
_STATUS = re.compile(r"unexpected status code (\d{3})")
# The codes of the distribution specification, which cosign shows without the status that came with them.
_CODES: Mapping[str, str] = {"UNAUTHORIZED": "401", "DENIED": "403", "TOOMANYREQUESTS": "429"}


def sign(reference: str, *, key: str, folder: Path, plain_http: bool) -> tuple[str, ...]:
    """Return cosign's arguments; `folder` has the signing configuration and the trusted root, both empty."""
    return (
        *("sign", "--yes", "--key", key),
        *("--signing-config", str(folder / "signing.json"), "--trusted-root", str(folder / "root.json")),
        *((_HTTP,) if plain_http else ()),
        reference,
    )


def verify(reference: str, *, key: str, plain_http: bool) -> tuple[str, ...]:
    """Return cosign's arguments; `key` is a file with the public key."""
    return (
        *("verify-attestation", "--type", _TYPE, "--key", key, "--insecure-ignore-tlog"),
        *((_HTTP,) if plain_http else ()),
        reference,
    )


def words(output: str) -> str:
    """Return the reason in cosign's output: its last line, without what stands before each."""
    lines = [line for line in output.strip().splitlines() if line.strip()] or [""]
    return lines[-1].removeprefix("error during command execution:").removeprefix("Error:").strip()


def judge(output: str) -> retries.Verdict:
    """Return what cosign's error output means, by the rules for a registry's failures."""
    last = words(output)
    found = _STATUS.search(last)
    codes = [status for code, status in _CODES.items() if f": {code}: " in last]
    status = found[1] if found else next(iter(codes), "")
    return retries.judge(f"{last} [http {status}]" if status else last)


def key_error(output: str) -> PipelineError:
    """Return what is wrong with a key that cosign cannot use. The output has nothing of the key itself."""
    last = words(output)
    if "decrypt" in last:
        return PipelineError(
            "signing.password-mismatch",
            "--sign-key: the password does not open the key",
            details=last,
            hint="give --sign-password env:COSIGN_PASSWORD, the password that the key was made with",
        )
    return PipelineError(
        "signing.key-invalid",
        "--sign-key is no private key of cosign",
        details=last,
        hint="make one with `cosign generate-key-pair`, or of your own with `cosign import-key-pair`; "
        "it begins with -----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----",
    )


def check_public(text: str) -> None:
    """Refuse what is no public key; it is not shown, because it may be the private one."""
    if not _PUBLIC.search(text):
        raise PipelineError(
            "signing.public-key-invalid",
            "--public-key is no public key",
            hint="give cosign.pub; `cosign public-key --key cosign.key` prints it",
        )
