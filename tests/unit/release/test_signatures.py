"""What cosign is told, and what its words mean; tests/release/test_signing.py has cosign itself."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ci.release import retries, signatures
from tests.raised import raises

IMAGE = f"registry:5000/shop/gateway@sha256:{'1' * 64}"
PUBLIC = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
PRIVATE = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nsecret\n-----END SIGSTORE-----\n"


def test_a_signature_asks_no_log_and_no_public_trust_root() -> None:
    words = signatures.sign(IMAGE, key="/key", folder=Path("/f"), plain_http=False)
    assert words[0] == "sign"
    assert words[-1] == IMAGE
    pairs = dict(itertools.pairwise(words))
    assert (pairs["--signing-config"], pairs["--trusted-root"]) == ("/f/signing.json", "/f/root.json")
    assert pairs["--key"] == "/key"


def test_only_a_signature_counts_as_one() -> None:
    words = signatures.verify(IMAGE, key="/cosign.pub", plain_http=False)
    pairs = dict(itertools.pairwise(words))
    assert words[0] == "verify-attestation"
    assert pairs["--type"] == "https://sigstore.dev/cosign/sign/v1"
    assert "--insecure-ignore-tlog" in words
    assert words[-1] == IMAGE


@pytest.mark.parametrize("plain_http", [True, False])
def test_a_registry_without_tls_is_said_to_be_one(*, plain_http: bool) -> None:
    for words in (
        signatures.sign(IMAGE, key="k", folder=Path("/f"), plain_http=plain_http),
        signatures.verify(IMAGE, key="k", plain_http=plain_http),
    ):
        assert ("--allow-http-registry" in words) is plain_http


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("Error: a\nerror during command execution: no signatures found\n", "no signatures found"),
        ("Error: only this\n\n", "only this"),
        ("", ""),
    ],
)
def test_the_reason_is_said_once(output: str, expected: str) -> None:
    assert signatures.words(output) == expected


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("signing digest: PUT http://r/v2/x: unexpected status code 503 Service Unavailable: later", "503"),
        ("GET https://r/v2/x: TOOMANYREQUESTS: slow down", "429"),
    ],
)
def test_what_may_pass_is_tried_again(words: str, status: str) -> None:
    verdict = signatures.judge(f"Error: {words}\nerror during command execution: {words}")
    assert (verdict.status, verdict.delays) == (status, retries.DELAYS)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("GET https://r/v2/x: UNAUTHORIZED: authentication required; []", "registry.unauthorized"),
        ("PUT https://r/v2/x: DENIED: requested access is denied", "registry.denied"),
        ("PUT http://r/v2/x: unexpected status code 405 Method Not Allowed", "registry.read-only"),
    ],
)
def test_what_stays_is_told_at_once(words: str, code: str) -> None:
    verdict = signatures.judge(words)
    assert (verdict.code, verdict.delays) == (code, ())


def test_a_connection_that_is_lost_is_tried_again() -> None:
    assert signatures.judge('Get "http://r/v2/": dial tcp: connect: connection refused').delays


@pytest.mark.parametrize("words", ["no matching attestations: invalid signature", "no signatures found", ""])
def test_a_signature_that_is_not_there_or_not_valid_is_no_fault_of_the_registry(words: str) -> None:
    assert signatures.judge(words) is retries.UNKNOWN


@pytest.mark.parametrize(
    ("output", "what"),
    [
        ("Error: reading key: decrypt: encrypted: decryption failed", "the password does not open the key"),
        ("Error: reading key: invalid pem block", "is no private key of cosign"),
        ("Error: reading key: unsupported pem type: RSA PRIVATE KEY", "is no private key of cosign"),
    ],
)
def test_a_key_that_cannot_sign_is_said_to_be_one(output: str, what: str) -> None:
    error = signatures.key_error(output)
    assert f"--sign-key{':' if 'password' in what else ''} {what}" in error.what
    assert error.code == ("signing.password-mismatch" if "password" in what else "signing.key-invalid")
    assert error.details in output


def test_a_public_key_is_taken_and_anything_else_is_not_shown() -> None:
    signatures.check_public(PUBLIC)
    for text in (PRIVATE, "", "-----BEGIN PUBLIC KEY-----"):
        with raises("signing.public-key-invalid", match="--public-key is no public key") as caught:
            signatures.check_public(text)
        assert "secret" not in str(caught.value)
