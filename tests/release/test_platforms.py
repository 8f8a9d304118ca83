"""An image for two platforms: its index is pushed after what it lists, verified and promoted with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ci.evidence import claims
from tests.release import by_hand, indexes, sets
from tests.release.proxy import Down

if TYPE_CHECKING:
    from pathlib import Path

    from tests.release.indexes import Image
    from tests.release.keys import Keys
    from tests.release.proxy import Proxy
    from tests.release.registry import Registry


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return indexes.make(tmp_path / "v1")


@pytest.fixture
def pushed(registry: Registry, image: Image, tmp_path: Path) -> Image:
    run = sets.run(image.request(registry.host), tmp_path / "push")
    assert (run.code, run.error) == (0, "")
    return image


def test_tags_point_to_an_index_of_both(registry: Registry, image: Image, tmp_path: Path) -> None:
    run = sets.run(image.request(registry.host), tmp_path / "run")
    assert (run.code, run.error) == (0, "")
    indexes.assert_released(registry, image)
    index = json.loads(by_hand.get_manifest(registry.host, indexes.REPOSITORY, "1.2.3"))
    assert [(each["platform"], each["digest"]) for each in index["manifests"]] == [
        ({"architecture": "amd64", "os": "linux"}, image.built[0].digest),
        ({"architecture": "arm64", "os": "linux"}, image.built[1].digest),
    ]
    # The commit by which tags never go back; not the base, which is another one on each platform.
    assert index["annotations"]["org.opencontainers.image.revision"] == image.around.origin.revision
    assert "org.opencontainers.image.base.name" not in index["annotations"]


def test_the_release_names_the_index_and_what_it_lists(
    registry: Registry, image: Image, tmp_path: Path
) -> None:
    run = sets.run(image.request(registry.host), tmp_path / "run")
    (released,) = json.loads(run.outcome["release"])["images"]
    assert released["digest"] == image.digest
    assert (released["sbom"], released["provenance"]) == ("", "")
    expected = image.verification(registry.host)["images"][0]["platforms"]
    keys = ("platform", "digest", "sbom", "provenance")
    assert [{key: each[key] for key in keys} for each in released["platforms"]] == [
        {key: each[key] for key in keys} for each in expected
    ]
    (text,) = by_hand.attached(registry.host, indexes.REPOSITORY, image.digest, sets.RELEASE)
    assert text.decode() == run.outcome["release"]


def test_the_index_comes_after_its_images_and_before_the_tags(
    proxy: Proxy, image: Image, tmp_path: Path
) -> None:
    assert sets.run(image.request(proxy.host), tmp_path / "run").code == 0
    names = tuple([each.digest for each in image.built] + [image.digest, "/1.2.3", "/latest"])
    puts = [
        request.path.rpartition("/")[2]
        for request in proxy.seen
        if request.is_a("PUT", "/manifests/") and request.path.endswith(names)
    ]
    assert set(puts[:2]) == {each.digest for each in image.built}
    assert puts[2:] == [image.digest, "1.2.3", "latest"]


def test_a_layer_that_both_have_is_sent_once(proxy: Proxy, image: Image, tmp_path: Path) -> None:
    run = sets.run(image.request(proxy.host), tmp_path / "run")
    shared = image.built[0].layers[0]["digest"]
    sent = [request for request in proxy.seen if request.method == "PUT" and shared[7:] in request.path]
    assert len(sent) == 1
    (released,) = run.outcome["images"]
    assert released["sent"] > 0


def test_a_rerun_writes_nothing(proxy: Proxy, image: Image, tmp_path: Path) -> None:
    assert sets.run(image.request(proxy.host), tmp_path / "run").code == 0
    proxy.seen.clear()
    run = sets.run(image.request(proxy.host), tmp_path / "run")
    assert [each["sent"] for each in run.outcome["images"]] == [0]
    assert [request for request in proxy.seen if request.method not in {"GET", "HEAD"}] == []


def test_a_push_that_breaks_before_the_index_tags_nothing_and_goes_on(
    registry: Registry, proxy: Proxy, image: Image, tmp_path: Path
) -> None:
    proxy.rule = lambda request: Down() if request.is_a("PUT", image.digest) else None
    assert sets.run(image.request(proxy.host), tmp_path / "run").code == sets.REFUSED
    assert sets.release_tags(registry, indexes.SERVICE) == {}
    proxy.rule = lambda _request: None
    proxy.up()
    assert sets.run(image.request(proxy.host), tmp_path / "run").code == 0
    assert sets.release_tags(registry, indexes.SERVICE)["latest"] == image.digest


def test_an_older_commit_does_not_take_the_branch_back(registry: Registry, tmp_path: Path) -> None:
    newer = indexes.make(tmp_path / "two", version="", created="2026-03-02T10:00:00Z")
    older = indexes.make(tmp_path / "one", version="", created="2026-03-01T10:00:00Z")
    for each in (newer, older):
        assert sets.run(each.request(registry.host), tmp_path / "run").code == 0
    assert sets.release_tags(registry, indexes.SERVICE)["main"] == newer.digest


def test_both_platforms_verify_and_each_is_named(registry: Registry, pushed: Image, tmp_path: Path) -> None:
    run = sets.run(pushed.verification(registry.host), tmp_path / "run", "verify")
    assert (run.code, run.error) == (0, "")
    assert [
        (each.get("platform", ""), each["reference"].rpartition("@")[2]) for each in run.outcome["images"]
    ] == [
        ("", pushed.digest),
        *[(each.platform, each.digest) for each in pushed.built],
    ]


def test_evidence_that_one_platform_lacks_is_named_with_it(
    registry: Registry, pushed: Image, tmp_path: Path
) -> None:
    wanted = {**pushed.verification(registry.host), "require": [claims.UNIT]}
    run = sets.run(wanted, tmp_path / "run", "verify")
    assert run.outcome["error"]["code"] == "verify.evidence-missing"
    assert "(linux/amd64)" in run.error


def test_an_index_of_other_platforms_than_the_releases_is_refused(
    registry: Registry, pushed: Image, tmp_path: Path
) -> None:
    request = pushed.verification(registry.host)
    request["images"][0]["platforms"].pop()
    run = sets.run(request, tmp_path / "run", "verify")
    assert run.outcome["error"]["code"] == "registry.index-differs"
    assert f"{pushed.built[0].digest} (linux/amd64)" in run.error
    assert pushed.built[1].digest in run.error


def test_an_index_that_is_gone_is_refused(registry: Registry, pushed: Image, tmp_path: Path) -> None:
    request = pushed.verification(registry.host)
    request["images"][0]["digest"] = "sha256:" + "0" * 64
    run = sets.run(request, tmp_path / "run", "verify")
    assert run.outcome["error"]["code"] == "registry.index-missing"
    assert "0" * 64 in run.error


def test_it_is_promoted_whole(registry: Registry, target: Registry, pushed: Image, tmp_path: Path) -> None:
    request = pushed.promotion(registry.host, target.host)
    run = sets.run(request, tmp_path / "run")
    assert (run.code, run.error) == (0, "")
    indexes.assert_released(target, pushed)
    again = sets.run(request, tmp_path / "run")
    assert [each["sent"] for each in again.outcome["images"]] == [0]


def test_index_and_platforms_are_signed_verified_and_promoted_with_the_signature(
    registry: Registry, target: Registry, image: Image, keys: Keys, tmp_path: Path
) -> None:
    run = sets.run(image.request(registry.host, **keys.signing()), tmp_path / "run")
    assert [each["signature"] for each in run.outcome["images"]] == ["put"]
    assert sets.run(image.promotion(registry.host, target.host), tmp_path / "run").code == 0
    for host in (registry.host, target.host):
        request = {**image.verification(host), **keys.checking()}
        for each in request["images"][0]["platforms"]:
            each["provenance"] = ""  # it names where it was pushed
        run = sets.run(request, tmp_path / "run", "verify")
        assert [each["signature"] for each in run.outcome["images"]] == ["valid"] * 3
