"""How cosign is run to sign and verify with a local key, and what a signature is.

A signature is a sigstore bundle, a referrer of the image's digest, as `cosign sign` makes it. What `cosign
attest` makes differs only in the statement, so provenance and evidence are signed in the same way.

cosign signs and verifies files here and reaches no network: the registry's client reads and attaches them.
So no login of cosign's can be missing, out of date or under another name, no transparency log is written
to, and no trust root of a public service is fetched. Who has the public key trusts that key.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

from ci.errors import PipelineError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "BUNDLE",
    "PREDICATE",
    "check_public",
    "key_error",
    "payload",
    "predicate",
    "sign",
    "statement",
    "verify",
]

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
# What a signature states. Any other statement by the same key is none.
PREDICATE = "https://sigstore.dev/cosign/sign/v1"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PUBLIC = re.compile(r"-----BEGIN PUBLIC KEY-----\s.*-----END PUBLIC KEY-----", re.DOTALL)
_PRIVATE = re.compile(r"-----BEGIN ENCRYPTED (SIGSTORE|COSIGN) PRIVATE KEY-----\s")


def statement(digest: str) -> bytes:
    """Return the statement about a digest that a signature signs."""
    algorithm, _, value = digest.partition(":")
    subject = [{"digest": {algorithm: value}}]
    data = {"_type": _STATEMENT, "subject": subject, "predicateType": PREDICATE, "predicate": {}}
    return json.dumps(data, separators=(",", ":")).encode()


def sign(statement: Path, bundle: Path, *, key: str, folder: Path) -> tuple[str, ...]:
    """Return cosign's arguments; `folder` has the signing configuration and the trusted root, both empty."""
    return (
        *("attest-blob", "--yes", "--key", key, "--statement", str(statement), "--bundle", str(bundle)),
        *("--signing-config", str(folder / "signing.json"), "--trusted-root", str(folder / "root.json")),
    )


def verify(digest: str, bundle: Path, *, key: str, kind: str, folder: Path) -> tuple[str, ...]:
    """Return cosign's arguments; `key` is a file with the public key, `kind` the type of the predicate."""
    algorithm, _, value = digest.partition(":")
    return (
        *("verify-blob-attestation", "--key", key, "--bundle", str(bundle), "--type", kind),
        *("--digest", value, "--digestAlg", algorithm, "--insecure-ignore-tlog"),
        *("--trusted-root", str(folder / "root.json")),
    )


def payload(bundle: bytes) -> bytes:
    """Return the statement in a bundle, which is not checked here; empty if there is none."""
    try:
        return base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"])
    except (ValueError, KeyError, TypeError):
        return b""


def predicate(statement: bytes) -> str:
    """Return the type of a statement's predicate; empty for any other text."""
    try:
        return str(json.loads(statement)["predicateType"])
    except (ValueError, KeyError, TypeError):
        return ""


def key_error(key: str, output: str) -> PipelineError:
    """Say what is wrong with a key that cosign cannot use. Neither the key nor its password is shown."""
    lines = [line for line in output.strip().splitlines() if line.strip()] or [""]
    if _PRIVATE.search(key):
        return PipelineError(
            "signing.password-mismatch",
            "--sign-key: the password does not open the key",
            details=lines[-1],
            hint="give --sign-password env:COSIGN_PASSWORD, the password that the key was made with",
        )
    return PipelineError(
        "signing.key-invalid",
        "--sign-key is not a private key of cosign",
        details=lines[-1],
        hint="make one with `cosign generate-key-pair`, or of your own with `cosign import-key-pair`; "
        "it begins with -----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----",
    )


def check_public(text: str) -> None:
    """Refuse what is not a public key; it is not shown, because it may be the private one."""
    if not _PUBLIC.search(text):
        raise PipelineError(
            "signing.public-key-invalid",
            "--public-key is not a public key",
            hint="give cosign.pub; `cosign public-key --key cosign.key` prints it",
        )
