"""How cosign is run, and what counts as a signature; tests/release/test_signing.py has cosign itself."""

from __future__ import annotations

import base64
import itertools
import json
from pathlib import Path

import pytest

from ci.release import signatures
from tests.raised import raises

DIGEST = f"sha256:{'1' * 64}"
PUBLIC = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
PRIVATE = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nsecret\n-----END SIGSTORE-----\n"


def bundle(predicate: str) -> bytes:
    payload = base64.b64encode(json.dumps({"predicateType": predicate}).encode()).decode()
    return json.dumps({"dsseEnvelope": {"payload": payload}}).encode()


def test_a_signature_is_made_here_with_no_log_and_no_public_trust_root() -> None:
    words = signatures.sign(Path("/s"), Path("/b"), key="/key", folder=Path("/f"))
    pairs = dict(itertools.pairwise(words))
    assert words[0] == "attest-blob"
    assert (pairs["--signing-config"], pairs["--trusted-root"]) == ("/f/signing.json", "/f/root.json")
    assert (pairs["--key"], pairs["--statement"], pairs["--bundle"]) == ("/key", "/s", "/b")


def test_a_signature_is_checked_for_its_digest_and_its_kind() -> None:
    words = signatures.verify(DIGEST, Path("/b"), key="/cosign.pub", kind="urn:x", folder=Path("/f"))
    pairs = dict(itertools.pairwise(words))
    assert words[0] == "verify-blob-attestation"
    assert (pairs["--type"], pairs["--digest"], pairs["--digestAlg"]) == (
        "urn:x",
        "1" * 64,
        "sha256",
    )


def test_what_is_signed_is_a_statement_about_the_digest() -> None:
    data = json.loads(signatures.statement(DIGEST))
    assert data["subject"] == [{"digest": {"sha256": "1" * 64}}]
    assert data["predicateType"] == signatures.PREDICATE


def test_a_bundle_says_what_its_statement_is() -> None:
    assert signatures.predicate(signatures.payload(bundle(signatures.PREDICATE))) == signatures.PREDICATE


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"dsseEnvelope": {"payload": "?"}}'])
def test_what_is_no_bundle_has_no_statement(content: bytes) -> None:
    assert not signatures.predicate(signatures.payload(content))


def test_a_key_that_cannot_sign_is_told_by_its_form() -> None:
    error = signatures.key_error(PRIVATE, "Error: reading key: decrypt: decryption failed\n")
    assert (error.code, error.details) == (
        "signing.password-mismatch",
        "Error: reading key: decrypt: decryption failed",
    )
    for key in ("hello", "-----BEGIN RSA PRIVATE KEY-----\nsecret\n", ""):
        error = signatures.key_error(key, "Error: invalid pem block")
        assert error.code == "signing.key-invalid"
        assert "secret" not in str(error)


def test_a_public_key_is_taken_and_anything_else_is_not_shown() -> None:
    signatures.check_public(PUBLIC)
    for text in (PRIVATE, "", "-----BEGIN PUBLIC KEY-----"):
        with raises("signing.public-key-invalid") as caught:
            signatures.check_public(text)
        assert "secret" not in str(caught.value)
