"""release.json in the registry, beside the images that it describes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.release import by_hand, sets
from tests.release.proxy import Down, Request

if TYPE_CHECKING:
    from pathlib import Path

    from tests.release.proxy import Proxy
    from tests.release.registry import Registry


def find(host: str, reference: str, folder: Path) -> sets.Run:
    request = {"registries": [{"host": host, "plain_http": True}], "parallel": 4, "reference": reference}
    return sets.run(request, folder, "find")


def found(host: str, reference: str, folder: Path) -> dict[str, Any]:
    run = find(host, reference, folder)
    assert (run.code, run.error) == (0, "")
    data: dict[str, Any] = json.loads(run.outcome["release"])
    return data


def test_each_image_has_the_release_that_it_belongs_to(
    registry: Registry, release: sets.Set, tmp_path: Path
) -> None:
    run = sets.run(release.request(registry.host), tmp_path / "run")
    for image in release.images:
        (text,) = by_hand.attached(registry.host, f"shop/{image.service}", image.digest, sets.RELEASE)
        assert text.decode() == run.outcome["release"]
    data = json.loads(run.outcome["release"])
    assert {image["service"]: image["digest"] for image in data["images"]} == {
        image.service: image.digest for image in release.images
    }
    for tag in ("1.2.3", "latest", release.fixed[0]):
        assert found(registry.host, f"{registry.host}/shop/agent:{tag}", tmp_path / "run") == data
    digest = release.images[0].digest
    assert found(registry.host, f"{registry.host}/shop/agent@{digest}", tmp_path / "run") == data


def test_it_is_written_after_the_tags_and_by_a_later_run_if_it_was_not(
    registry: Registry, proxy: Proxy, release: sets.Set, tmp_path: Path
) -> None:
    tagged: set[str] = set()

    def rule(request: Request) -> Down | None:
        if request.is_a("PUT", "/manifests/latest"):
            tagged.add(request.path)
        return Down() if len(tagged) == 5 and request.is_a("POST", "/blobs/uploads/") else None

    proxy.rule = rule
    assert sets.run(release.request(proxy.host), tmp_path / "run").code == sets.REFUSED
    sets.assert_released(registry, release)
    proxy.rule = lambda _request: None
    proxy.up()
    assert sets.run(release.request(proxy.host), tmp_path / "run").code == 0
    for image in release.images:
        assert len(by_hand.attached(registry.host, f"shop/{image.service}", image.digest, sets.RELEASE)) == 1


def test_a_promoted_image_has_both_and_is_found_by_its_own(
    registry: Registry, target: Registry, release: sets.Set, tmp_path: Path
) -> None:
    assert sets.run(release.request(registry.host), tmp_path / "run").code == 0
    promotion = release.promotion(registry.host, target.host)
    for _ in range(2):
        run = sets.run(promotion, tmp_path / "run")
        assert (run.code, run.error) == (0, "")
    image = release.images[0]
    assert len(by_hand.attached(target.host, "shop/agent", image.digest, sets.RELEASE)) == 2
    data = found(target.host, f"{target.host}/shop/agent:1.2.3", tmp_path / "run")
    assert data["registry"] == f"{target.host}/shop"
    assert data == json.loads(run.outcome["release"])


def test_an_image_of_two_refs_is_found_by_the_tag_that_is_asked_for(
    registry: Registry, tmp_path: Path
) -> None:
    main = sets.make(tmp_path / "main", version="", revision="a" * 40)
    tagged = sets.make(tmp_path / "tagged", revision="a" * 40)
    # One commit is one image, whatever its ref: the label with the version is all that differs here.
    tagged.images, tagged.origin = main.images, main.origin
    for made in (main, tagged):
        assert sets.run(made.request(registry.host), tmp_path / "run").code == 0
    host = registry.host
    assert found(host, f"{host}/shop/agent:main", tmp_path / "run")["ref"] == "refs/heads/main"
    assert found(host, f"{host}/shop/agent:1.2.3", tmp_path / "run")["ref"] == "refs/tags/v1.2.3"


def test_a_dry_run_stores_nothing_and_what_is_not_there_is_named(
    registry: Registry, release: sets.Set, tmp_path: Path
) -> None:
    run = sets.run(release.request(registry.host, dry_run=True), tmp_path / "run")
    assert json.loads(run.outcome["release"])["version"] == "1.2.3"
    reference = f"{registry.host}/shop/agent:1.2.3"
    run = find(registry.host, reference, tmp_path / "run")
    assert "registry.release-image-missing" in run.error
    assert reference in run.error
