"""Copying a released set to another registry, and verifying one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.release import provenance
from tests.release import by_hand, sets
from tests.release.proxy import Down, Proxy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.release.registry import Registry


@pytest.fixture
def released(registry: Registry, tmp_path: Path) -> sets.Set:
    release = sets.make(tmp_path / "v1")
    assert sets.run(release.request(registry.host), tmp_path / "push").code == 0
    return release


def test_a_set_is_promoted_by_digest_with_what_is_attached(
    registry: Registry, target: Registry, released: sets.Set, tmp_path: Path
) -> None:
    run = sets.run(released.promotion(registry.host, target.host), tmp_path / "run")
    assert (run.code, run.error) == (0, "")
    sets.assert_released(target, released)
    sets.assert_complete(target, released)


def test_a_layer_that_all_share_is_promoted_once(
    registry: Registry, target: Registry, released: sets.Set, tmp_path: Path
) -> None:
    with Proxy(target.port) as door:
        run = sets.run(released.promotion(registry.host, door.host), tmp_path / "run")
        assert run.code == 0
        layers = sets.BASE_SIZE + 5 * sets.OWN_SIZE
        assert layers < door.uploaded < layers + 120_000
    assert layers < sum(image["sent"] for image in run.outcome["images"]) < layers + 30_000


def test_what_was_attached_since_is_promoted_with_the_next_run(
    registry: Registry, target: Registry, released: sets.Set, tmp_path: Path
) -> None:
    request = released.promotion(registry.host, target.host)
    assert sets.run(request, tmp_path / "run").code == 0
    image = released.images[0]
    kind = sets.SIGNATURE
    by_hand.attach(registry.host, "shop/agent", image.digest, b"{}", kind)
    assert sets.run(request, tmp_path / "run").code == 0
    assert kind in sets.attached(target, image)


def test_promoting_again_changes_nothing(
    registry: Registry, target: Registry, released: sets.Set, tmp_path: Path
) -> None:
    with Proxy(target.port) as door:
        request = released.promotion(registry.host, door.host)
        assert sets.run(request, tmp_path / "run").code == 0
        door.seen.clear()
        assert sets.run(request, tmp_path / "run").code == 0
        changes = [seen for seen in door.seen if seen.method == "PUT" and "sha256" not in seen.path]
        assert changes == []
        assert not [seen for seen in door.seen if seen.size > sets.OWN_SIZE // 2]
    sets.assert_released(target, released)


def test_a_dry_promotion_writes_nothing(
    registry: Registry, target: Registry, released: sets.Set, tmp_path: Path
) -> None:
    request = {**released.promotion(registry.host, target.host), "dry_run": True}
    run = sets.run(request, tmp_path / "run")
    assert run.code == 0
    assert run.outcome["images"][0]["moved"] == [*released.fixed, *released.moving]
    sets.assert_untagged(target)


@pytest.mark.parametrize("part", ["/manifests/sha256:", "/manifests/1.2.3"])
def test_an_interrupted_promotion_tags_no_half_set_and_goes_on(
    part: str, registry: Registry, target: Registry, released: sets.Set, tmp_path: Path
) -> None:
    with Proxy(target.port) as door:
        door.rule = lambda request: Down() if request.is_a("PUT", part) else None
        request = released.promotion(registry.host, door.host)
        assert sets.run(request, tmp_path / "run").code == sets.REFUSED
        sets.assert_complete(target, released)
        door.rule = lambda _request: None
        door.up()
        assert sets.run(request, tmp_path / "run").code == 0
    sets.assert_released(target, released)


def test_a_digest_that_the_source_does_not_have_is_refused(
    registry: Registry, target: Registry, tmp_path: Path
) -> None:
    unpushed = sets.make(tmp_path / "unpushed")
    run = sets.run(unpushed.promotion(registry.host, target.host), tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "registry.image-missing" in run.error
    sets.assert_untagged(target)


def test_an_image_without_its_sbom_is_not_promoted(
    registry: Registry, target: Registry, released: sets.Set, tmp_path: Path
) -> None:
    request = released.promotion(registry.host, target.host)
    request["images"][0]["sbom"] = "sha256:" + "0" * 64
    run = sets.run(request, tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "registry.attachment-missing" in run.error
    assert f"SBOM attached that is sha256:{'0' * 64}" in run.error
    sets.assert_untagged(target)


def test_a_version_that_the_target_has_with_another_digest_is_refused(
    registry: Registry, target: Registry, released: sets.Set, tmp_path: Path
) -> None:
    other = sets.make(tmp_path / "other", content="other")
    assert sets.run(other.request(target.host), tmp_path / "run").code == 0
    run = sets.run(released.promotion(registry.host, target.host), tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "tags.taken" in run.error
    assert "5 tags" in run.error
    sets.assert_released(target, other)


def test_what_was_pushed_verifies(registry: Registry, released: sets.Set, tmp_path: Path) -> None:
    run = sets.run(released.verification(registry.host), tmp_path / "run", "verify")
    assert run.code == 0
    (agent, *_) = run.outcome["images"]
    assert agent["reference"] == f"{registry.host}/shop/agent@{released.images[0].digest}"
    assert agent["sbom"] == sets.digest_of(released.images[0].sbom.read_bytes())


def test_an_image_that_nothing_is_attached_to_does_not_verify(
    registry: Registry, released: sets.Set, tmp_path: Path
) -> None:
    image = released.images[1]
    bare = f"{registry.host}/shop/bare"
    by_hand.copy(registry.host, f"shop/{image.service}", image.digest, "shop/bare", "1")
    request = released.verification(registry.host)
    request["images"] = [{"service": "bare", "repository": bare, "digest": image.digest}]
    run = sets.run(request, tmp_path / "run", "verify")
    assert run.code == sets.REFUSED
    assert f"{bare}@{image.digest} has no SBOM attached" in run.error


def test_another_sbom_beside_the_right_one_does_no_harm_and_alone_does_not_verify(
    registry: Registry, released: sets.Set, tmp_path: Path
) -> None:
    image = released.images[0]
    forged = b'{"bomFormat": "CycloneDX", "components": []}'
    by_hand.attach(registry.host, "shop/agent", image.digest, forged, sets.CYCLONEDX)
    request = released.verification(registry.host)
    request["images"] = request["images"][:1]
    assert sets.run(request, tmp_path / "run", "verify").code == 0
    request["images"][0]["sbom"] = sets.digest_of(forged)
    run = sets.run(request, tmp_path / "run", "verify")
    assert run.code == sets.REFUSED
    assert "provenance.wrong-sbom" in run.error


def test_a_forged_provenance_does_not_verify(registry: Registry, released: sets.Set, tmp_path: Path) -> None:
    image, other = released.images[:2]
    forged = released.statement(other, registry.host)
    by_hand.attach(registry.host, "shop/agent", image.digest, forged, provenance.MEDIA_TYPE)
    request = released.verification(registry.host)
    request["images"] = request["images"][:1]
    request["images"][0]["provenance"] = sets.digest_of(forged)
    run = sets.run(request, tmp_path / "run", "verify")
    assert run.code == sets.REFUSED
    assert "provenance.wrong-subject" in run.error
    assert f"not about {image.digest}" in run.error
