from __future__ import annotations

from dataclasses import replace

import pytest

from ci.evidence import claims
from ci.evidence.claims import Claim

IMAGE = "sha256:" + "1" * 64
CLAIM = Claim(claims.UNIT, "web", {"web": IMAGE}, {"tests": "sha256:" + "2" * 64})


@pytest.mark.parametrize(
    "other",
    [
        replace(CLAIM, gate=claims.SCAN),
        replace(CLAIM, name="api"),
        replace(CLAIM, subjects={"web": "sha256:" + "3" * 64}),
        replace(CLAIM, subjects={"api": IMAGE}),
        replace(CLAIM, given={"tests": "sha256:" + "4" * 64}),
        replace(CLAIM, given={"suite": CLAIM.given["tests"]}),
        replace(CLAIM, given={**CLAIM.given, "more": IMAGE}),
        replace(CLAIM, given={}),
    ],
)
def test_another_claim_has_another_key(other: Claim) -> None:
    assert other.key != CLAIM.key


def test_the_order_of_what_was_given_does_not_matter() -> None:
    one = replace(CLAIM, given={"a": IMAGE, "b": IMAGE})
    assert one.key == replace(CLAIM, given={"b": IMAGE, "a": IMAGE}).key


def test_other_code_of_the_module_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = CLAIM.key
    monkeypatch.setattr(claims, "code_digest", lambda: IMAGE)
    assert CLAIM.key != before


def test_a_key_is_a_tag() -> None:
    assert CLAIM.key.startswith("unit-")
    assert len(CLAIM.key) <= 128


def test_equal_values_have_one_digest_whatever_their_order() -> None:
    assert claims.digest({"a": 1, "b": 2}) == claims.digest({"b": 2, "a": 1})
    assert claims.digest(["a", "b"]) != claims.digest(["b", "a"])
