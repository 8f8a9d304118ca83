"""Evidence of gates, attached to what is pushed: promoted with it, and required of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ci.evidence import claims, statement
from ci.evidence.claims import Claim
from ci.evidence.statement import Run
from tests.release import sets

if TYPE_CHECKING:
    from pathlib import Path

    from tests.release.proxy import Proxy
    from tests.release.registry import Registry

TESTED = "sha256:" + "1" * 64


def with_evidence(release: sets.Set, host: str, *gates: str) -> dict[str, Any]:
    """Return the request to push a set whose gates have passed."""
    request = release.request(host)
    run = Run("https://ci.example.com/1", "linux/amd64", datetime.now(UTC), 1.0)
    for item in request["images"]:
        claimed = [Claim(gate, item["service"], {item["service"]: TESTED}, {}) for gate in gates]
        item["evidence"] = [statement.released(each, run, item["service"]) for each in claimed]
    return request


def test_evidence_is_attached_to_what_is_pushed_and_can_be_required(proxy: Proxy, tmp_path: Path) -> None:
    release = sets.make(tmp_path / "v1")
    request = with_evidence(release, proxy.host, claims.UNIT, claims.SCAN)
    assert sets.run(request, tmp_path / "run").code == 0
    wanted = {**release.verification(proxy.host), "require": [claims.UNIT, claims.SCAN]}
    assert sets.run(wanted, tmp_path / "run", "verify").code == 0
    more = {**wanted, "require": [claims.UNIT, claims.INTEGRATION]}
    run = sets.run(more, tmp_path / "run", "verify")
    assert run.code == sets.REFUSED
    assert run.outcome["error"]["code"] == "verify.evidence-missing"
    assert "integration" in run.outcome["error"]["details"]


def test_evidence_is_promoted_with_its_image(registry: Registry, target: Registry, tmp_path: Path) -> None:
    release = sets.make(tmp_path / "v1")
    assert sets.run(with_evidence(release, registry.host, claims.UNIT), tmp_path / "run").code == 0
    assert sets.run(release.promotion(registry.host, target.host), tmp_path / "run").code == 0
    wanted = {**release.verification(target.host), "require": [claims.UNIT]}
    for item in wanted["images"]:  # the provenance names where it was pushed
        item["provenance"] = ""
    assert sets.run(wanted, tmp_path / "run", "verify").code == 0
