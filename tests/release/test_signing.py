"""Signing with a local key, by the real cosign and on a real registry."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ci.evidence import claims
from ci.evidence.statement import MEDIA_TYPE, about
from ci.release.signatures import PREDICATE, payload, predicate
from tests.release import by_hand, sets
from tests.release.proxy import Down, Proxy, Status
from tests.release.registry import Registry
from tests.release.rules import nth
from tests.release.test_evidence import with_evidence

if TYPE_CHECKING:
    from pathlib import Path

    from tests.release.keys import Keys
    from tests.release.proxy import Fault, Request

pytestmark = pytest.mark.long
# Of the lists of what is attached: one for SBOM and provenance of each of five images, then the signatures.
FIRST_SIGNATURE = 6
LIST = "/manifests/sha256-"


@dataclass(frozen=True)
class Case:
    """A set to sign, and the way to its registry on which things go wrong."""

    registry: Registry
    proxy: Proxy
    release: sets.Set
    keys: Keys
    folder: Path

    def push(self) -> sets.Run:
        return sets.run(self.release.request(self.proxy.host, **self.keys.signing()), self.folder / "run")

    def signatures(self) -> list[int]:
        """Return how many signatures each image has, apart from signed statements about it."""
        bundles = [
            by_hand.attached(*located(each), sets.SIGNATURE)
            for each in references(self.registry, self.release)
        ]
        return [[predicate(payload(each)) for each in found].count(PREDICATE) for found in bundles]

    def assert_signed(self) -> None:
        assert all(self.keys.verifies(it) for it in references(self.registry, self.release))


@pytest.fixture
def case(registry: Registry, proxy: Proxy, release: sets.Set, keys: Keys, tmp_path: Path) -> Case:
    return Case(registry, proxy, release, keys, tmp_path)


def references(registry: Registry, release: sets.Set) -> list[str]:
    return [f"{registry.host}/{sets.PREFIX}/{image.service}@{image.digest}" for image in release.images]


def bundle(reference: str) -> bytes:
    """Return the signature of an image."""
    return by_hand.attached(*located(reference), sets.SIGNATURE)[0]


def attach(content: bytes, reference: str) -> None:
    by_hand.attach(*located(reference), content, sets.SIGNATURE)


def located(reference: str) -> tuple[str, str, str]:
    host, _, rest = reference.partition("/")
    repository, _, digest = rest.partition("@")
    return host, repository, digest


def test_every_digest_is_signed_before_any_tag_is_put(case: Case) -> None:
    seen: list[list[int]] = []

    def look(request: Request) -> Fault:
        if request.is_a("PUT", "/manifests/sha-"):
            seen.append(case.signatures())
        return None

    case.proxy.rule = look
    run = case.push()
    assert (run.code, run.error) == (0, "")
    assert seen == [[1] * 5] * 5
    assert {image["signature"] for image in run.outcome["images"]} == {"put"}
    sets.assert_released(case.registry, case.release)
    case.assert_signed()


def test_it_is_not_signed_again(case: Case) -> None:
    assert case.push().code == 0
    case.proxy.seen.clear()
    run = case.push()
    assert run.code == 0
    assert {image["signature"] for image in run.outcome["images"]} == {"was there"}
    assert [request for request in case.proxy.seen if request.method not in {"GET", "HEAD"}] == []
    assert case.signatures() == [1] * 5


def test_what_was_published_without_a_key_is_signed_by_a_later_run(
    registry: Registry, release: sets.Set, keys: Keys, tmp_path: Path
) -> None:
    assert sets.run(release.request(registry.host), tmp_path / "run").code == 0
    assert not any(keys.verifies(reference) for reference in references(registry, release))
    assert sets.run(release.request(registry.host, **keys.signing()), tmp_path / "run").code == 0
    assert all(keys.verifies(reference) for reference in references(registry, release))


def test_another_key_signs_as_well(
    registry: Registry, signed: sets.Set, keys: Keys, other: Keys, tmp_path: Path
) -> None:
    run = sets.run(signed.request(registry.host, **other.signing()), tmp_path / "run")
    assert {image["signature"] for image in run.outcome["images"]} == {"put"}
    for reference in references(registry, signed):
        assert keys.verifies(reference)
        assert other.verifies(reference)


@pytest.mark.parametrize("fault", [Status(403, '{"errors":[{"code":"DENIED","message":"no"}]}'), Down()])
@pytest.mark.parametrize("number", [FIRST_SIGNATURE, FIRST_SIGNATURE + 3])
def test_nothing_is_tagged_when_signing_fails_and_a_rerun_completes(
    number: int, fault: Fault, case: Case
) -> None:
    case.proxy.rule = nth(number, "PUT", LIST, fault)
    run = case.push()
    assert run.code == sets.REFUSED
    assert "what is attached to 127.0.0.1" in run.error
    sets.assert_untagged(case.registry)
    case.proxy.rule = lambda _request: None
    if isinstance(fault, Down):
        case.proxy.up()
    assert case.push().code == 0
    sets.assert_released(case.registry, case.release)
    case.assert_signed()


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_fault_that_passes_is_waited_for(code: int, case: Case) -> None:
    case.proxy.rule = nth(FIRST_SIGNATURE, "PUT", LIST, Status(code))
    run = case.push()
    assert (run.code, run.error) == (0, "")
    case.assert_signed()


def test_signatures_by_the_key_verify(
    registry: Registry, signed: sets.Set, keys: Keys, tmp_path: Path
) -> None:
    request = signed.verification(registry.host) | keys.checking()
    run = sets.run(request, tmp_path / "run", "verify")
    assert (run.code, run.error) == (0, "")
    assert {image["signature"] for image in run.outcome["images"]} == {"valid"}


def test_signatures_by_another_key_do_not_verify(
    registry: Registry, signed: sets.Set, other: Keys, tmp_path: Path
) -> None:
    request = signed.verification(registry.host) | other.checking()
    run = sets.run(request, tmp_path / "run", "verify")
    assert run.code == sets.REFUSED
    assert f"{references(registry, signed)[0]} has no valid signature by the key of --public-key" in run.error


def test_another_image_s_signature_does_not_verify(
    registry: Registry, signed: sets.Set, keys: Keys, tmp_path: Path
) -> None:
    theirs = sets.make(tmp_path / "v2", version="1.2.4", content="other")
    assert sets.run(theirs.request(registry.host), tmp_path / "run").code == 0
    target = references(registry, theirs)[0]
    attach(bundle(references(registry, signed)[0]), target)
    request = theirs.verification(registry.host) | keys.checking()
    request["images"] = request["images"][:1]
    run = sets.run(request, tmp_path / "run", "verify")
    assert run.code == sets.REFUSED
    assert "signing.signature-invalid" in run.error


def test_a_changed_signature_beside_the_right_one_does_no_harm_and_alone_does_not_verify(
    registry: Registry, signed: sets.Set, keys: Keys, tmp_path: Path
) -> None:
    content = json.loads(bundle(references(registry, signed)[0]))
    text = content["dsseEnvelope"]["signatures"][0]["sig"]
    content["dsseEnvelope"]["signatures"][0]["sig"] = (
        text[:10] + ("A" if text[10] != "A" else "B") + text[11:]
    )
    changed = json.dumps(content).encode()
    attach(changed, references(registry, signed)[0])
    request = signed.verification(registry.host) | keys.checking()
    assert sets.run(request, tmp_path / "run", "verify").code == 0
    bare = sets.make(tmp_path / "v2", version="1.2.4", content="other")
    assert sets.run(bare.request(registry.host), tmp_path / "run").code == 0
    attach(changed, references(registry, bare)[0])
    request = bare.verification(registry.host) | keys.checking()
    run = sets.run(request, tmp_path / "run", "verify")
    assert run.code == sets.REFUSED
    assert "signing.signature-invalid" in run.error


def test_another_statement_by_the_same_key_is_no_signature(
    registry: Registry, release: sets.Set, keys: Keys, tmp_path: Path
) -> None:
    assert sets.run(release.request(registry.host), tmp_path / "run").code == 0
    for kind, name in (("signing-config", "config.json"), ("trusted-root", "root.json")):
        assert keys.run(kind, "create", "--out", str(tmp_path / name)).returncode == 0
    (tmp_path / "predicate.json").write_text("{}")
    offline = (
        "--signing-config",
        str(tmp_path / "config.json"),
        "--trusted-root",
        str(tmp_path / "root.json"),
    )
    what = ("--type", "https://example.test/v1", "--predicate", str(tmp_path / "predicate.json"))
    reference = references(registry, release)[0]
    attested = keys.run("attest", "--yes", "--key", str(keys.private), *offline, *what, reference)
    assert attested.returncode == 0, attested.stderr
    request = release.verification(registry.host) | keys.checking()
    request["images"] = request["images"][:1]
    run = sets.run(request, tmp_path / "run", "verify")
    assert run.code == sets.REFUSED
    assert "signing.signature-invalid" in run.error


def test_provenance_and_evidence_are_signed_as_well_and_then_no_other_evidence_counts(
    registry: Registry, release: sets.Set, keys: Keys, other: Keys, tmp_path: Path
) -> None:
    request = with_evidence(release, registry.host, claims.UNIT) | keys.signing()
    assert sets.run(request, tmp_path / "run").code == 0
    for reference in references(registry, release):
        for kind in ("https://slsa.dev/provenance/v1", claims.TYPES[claims.UNIT]):
            assert keys.verifies(reference, kind)
            assert not other.verifies(reference, kind)
    wanted = release.verification(registry.host) | {"require": [claims.UNIT]}
    assert sets.run(wanted | keys.checking(), tmp_path / "run", "verify").code == 0

    forged = with_evidence(release, registry.host, claims.SCAN)
    for item, image in zip(forged["images"], release.images, strict=True):
        (statement,) = item["evidence"]
        content = about(statement, {item["repository"]: image.digest}).encode()
        by_hand.attach(registry.host, f"{sets.PREFIX}/{image.service}", image.digest, content, MEDIA_TYPE)
    wanted["require"] = [claims.SCAN]
    assert sets.run(wanted, tmp_path / "run", "verify").code == 0
    run = sets.run(wanted | keys.checking(), tmp_path / "run", "verify")
    assert run.outcome["error"]["code"] == "verify.evidence-missing"


def test_a_promotion_carries_the_signatures(
    registry: Registry, signed: sets.Set, keys: Keys, tmp_path: Path
) -> None:
    target = Registry(tmp_path / "target").start()
    try:
        run = sets.run(signed.promotion(registry.host, target.host), tmp_path / "run")
        assert run.code == 0
        registry.stop()  # what is there has to stand by itself
        assert all(keys.verifies(reference) for reference in references(target, signed))
        sets.assert_released(target, signed)
    finally:
        target.stop()
