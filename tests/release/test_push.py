"""Pushing a set to a real registry: what is sent, in which order, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.release import sets

if TYPE_CHECKING:
    from pathlib import Path

    from tests.release.proxy import Proxy, Request
    from tests.release.registry import Registry


def tag_puts(proxy: Proxy) -> list[tuple[str, str]]:
    """Return (service, tag) of every tag that was put, in order."""
    found = []
    for request in proxy.seen:
        _, _, rest = request.path.partition(f"/v2/{sets.PREFIX}/")
        service, _, reference = rest.partition("/manifests/")
        if (
            request.method == "PUT"
            and reference
            and not reference.startswith(("sha256:", "sha256-", "claim-"))
        ):
            found.append((service, reference))
    return found


def writes(proxy: Proxy) -> list[Request]:
    return [request for request in proxy.seen if request.method not in {"GET", "HEAD"}]


def test_a_set_is_pushed_whole_with_its_tags(registry: Registry, proxy: Proxy, tmp_path: Path) -> None:
    release = sets.make(tmp_path / "v1")
    run = sets.run(release.request(proxy.host), tmp_path / "run")
    assert (run.code, run.error) == (0, "")
    sets.assert_released(registry, release)
    sets.assert_complete(registry, release)
    (agent,) = [image for image in run.outcome["images"] if image["service"] == "agent"]
    assert agent["tags"] == agent["moved"] == [*release.fixed, "1.2", "1", "latest"]
    assert agent["held"] == {}


def test_no_tag_is_put_before_all_is_there_and_latest_comes_last(
    registry: Registry, proxy: Proxy, tmp_path: Path
) -> None:
    release = sets.make(tmp_path / "v1")
    pushed = tuple(image.digest for image in release.images)
    proxy.rule = lambda request: (
        sets.assert_untagged(registry) if request.method == "PUT" and request.path.endswith(pushed) else None
    )
    assert sets.run(release.request(proxy.host), tmp_path / "run").code == 0
    puts = tag_puts(proxy)
    rounds = [puts[start : start + 5] for start in range(0, 25, 5)]
    assert [{tag for _, tag in moves} for moves in rounds] == [
        {tag} for tag in (*release.fixed, "1.2", "1", "latest")
    ]
    assert len(puts) == 25


def test_tags_move_with_nothing_in_between(registry: Registry, proxy: Proxy, tmp_path: Path) -> None:
    release = sets.make(tmp_path / "v1")
    assert sets.run(release.request(proxy.host), tmp_path / "run").code == 0
    names = tuple(f"/manifests/{tag}" for tag in (*release.fixed, *release.moving))
    puts = [
        place
        for place, request in enumerate(proxy.seen)
        if request.method == "PUT" and request.path.endswith(names)
    ]
    assert len(puts) == 25
    between = proxy.seen[puts[0] : puts[-1] + 1]
    assert [
        request.path for request in between if "/blobs/" in request.path or "sha256" in request.path
    ] == []
    assert len(between) == len(puts)
    sets.assert_released(registry, release)


def test_a_layer_that_all_share_is_sent_once(proxy: Proxy, tmp_path: Path) -> None:
    release = sets.make(tmp_path / "v1")
    run = sets.run(release.request(proxy.host), tmp_path / "run")
    assert run.code == 0
    layers = sets.BASE_SIZE + 5 * sets.OWN_SIZE
    assert layers < proxy.uploaded < layers + 120_000
    # What is said to be sent is what was sent, up to what is attached, claimed and tagged.
    sent = sum(image["sent"] for image in run.outcome["images"])
    assert layers < sent < proxy.uploaded


def test_a_rerun_sends_no_layer_and_changes_nothing(registry: Registry, proxy: Proxy, tmp_path: Path) -> None:
    release = sets.make(tmp_path / "v1")
    assert sets.run(release.request(proxy.host), tmp_path / "run").code == 0
    before = {service: registry.tags(f"{sets.PREFIX}/{service}") for service in sets.SERVICES}
    proxy.seen.clear()
    run = sets.run(release.request(proxy.host), tmp_path / "run")
    assert run.code == 0
    assert [image["sent"] for image in run.outcome["images"]] == [0] * 5
    assert tag_puts(proxy) == []
    assert writes(proxy) == []
    assert {service: registry.tags(f"{sets.PREFIX}/{service}") for service in sets.SERVICES} == before


def test_a_commit_to_one_service_sends_its_layer_and_five_configs(proxy: Proxy, tmp_path: Path) -> None:
    first = sets.make(tmp_path / "one", version="", created="2026-03-01T10:00:00Z")
    assert sets.run(first.request(proxy.host), tmp_path / "run").code == 0
    proxy.seen.clear()
    second = sets.make(tmp_path / "two", version="", created="2026-03-02T10:00:00Z", changed="gateway")
    run = sets.run(second.request(proxy.host), tmp_path / "run")
    assert run.code == 0
    sent = {image["service"]: image["sent"] for image in run.outcome["images"]}
    assert sets.OWN_SIZE < sent.pop("gateway") < sets.OWN_SIZE + 4_000
    assert all(0 < size < 4_000 for size in sent.values())
    blobs = [request.size for request in proxy.seen if "/blobs/uploads/" in request.path]
    assert [size for size in blobs if size > 4_000] == [sets.OWN_SIZE]
    # What a tag of the repository needs is there.
    layers = {layer["digest"] for image in first.images for layer in image.layers}
    asked = [
        request.path
        for request in proxy.seen
        if request.method == "HEAD" and request.path.rpartition("/")[2] in layers
    ]
    assert asked == []


def test_a_dry_run_writes_nothing_and_says_what_would_be(
    registry: Registry, proxy: Proxy, tmp_path: Path
) -> None:
    release = sets.make(tmp_path / "v1")
    run = sets.run(release.request(proxy.host, dry_run=True), tmp_path / "run")
    assert run.code == 0
    assert writes(proxy) == []
    assert run.outcome["images"][0]["moved"] == [*release.fixed, "1.2", "1", "latest"]
    sets.assert_untagged(registry)


def test_a_version_that_is_there_with_another_digest_is_refused_before_anything_is_sent(
    registry: Registry, proxy: Proxy, tmp_path: Path
) -> None:
    first = sets.make(tmp_path / "one")
    other = sets.make(tmp_path / "two", content="other")
    assert sets.run(first.request(proxy.host), tmp_path / "run").code == 0
    for dry_run in (True, False):
        proxy.seen.clear()
        run = sets.run(other.request(proxy.host, dry_run=dry_run), tmp_path / "run")
        assert run.code == sets.REFUSED
        assert "tags.taken" in run.error
        assert "5 tags" in run.error
        for one, two in zip(first.images, other.images, strict=True):
            assert f"shop/{one.service}:1.2.3 is {one.digest}, to push: {two.digest}" in run.error
        assert writes(proxy) == []
    sets.assert_released(registry, first)


def test_latest_does_not_go_back_to_an_older_version(registry: Registry, tmp_path: Path) -> None:
    new = sets.make(tmp_path / "new", version="1.2.0")
    old = sets.make(tmp_path / "old", version="1.1.9", content="old")
    assert sets.run(new.request(registry.host), tmp_path / "run").code == 0
    run = sets.run(old.request(registry.host), tmp_path / "run")
    assert run.code == 0
    assert run.outcome["images"][0]["held"] == {"1": "1.2.0", "latest": "1.2.0"}
    sets.assert_released(registry, old, tags=[*old.fixed, "1.1"])
    sets.assert_released(registry, new)


def test_a_slow_run_of_an_older_commit_does_not_take_edge_back(registry: Registry, tmp_path: Path) -> None:
    new = sets.make(tmp_path / "new", version="", created="2026-03-02T10:00:00Z")
    old = sets.make(tmp_path / "old", version="", created="2026-03-01T10:00:00Z")
    assert sets.run(new.request(registry.host), tmp_path / "run").code == 0
    run = sets.run(old.request(registry.host), tmp_path / "run")
    assert run.code == 0
    assert set(run.outcome["images"][0]["held"]) == {"main", "edge"}
    sets.assert_released(registry, new)
    sets.assert_released(registry, old, tags=old.fixed)


def test_a_monorepo_release_touches_one_repository(registry: Registry, proxy: Proxy, tmp_path: Path) -> None:
    release = sets.make(tmp_path / "v1", services=("gateway",))
    assert sets.run(release.request(proxy.host), tmp_path / "run").code == 0
    sets.assert_released(registry, release)
    assert {request.path.split("/")[3] for request in proxy.seen} == {"gateway"}


def test_a_layer_that_was_changed_after_the_gates_is_not_pushed(registry: Registry, tmp_path: Path) -> None:
    release = sets.make(tmp_path / "v1")
    gateway = release.images[2]
    layer = max(
        path for path in (gateway.layout / "blobs" / "sha256").iterdir() if path.stat().st_size > 50_000
    )
    layer.write_bytes(layer.read_bytes()[::-1])
    run = sets.run(release.request(registry.host), tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "digest" in run.error
    sets.assert_untagged(registry)


def test_layers_that_did_not_pass_the_gates_are_refused_before_anything_is_sent(
    proxy: Proxy, tmp_path: Path
) -> None:
    request = sets.make(tmp_path / "v1").request(proxy.host)
    request["images"][1]["layers"][1] = {"digest": "sha256:" + "0" * 64, "size": 1}
    run = sets.run(request, tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "release.layers-differ" in run.error
    assert "service 'assistant'" in run.error
    assert proxy.seen == []


def test_a_service_without_an_sbom_is_not_pushed(proxy: Proxy, tmp_path: Path) -> None:
    release = sets.make(tmp_path / "v1")
    release.images[4].sbom.unlink()
    run = sets.run(release.request(proxy.host), tmp_path / "run")
    assert run.code == sets.REFUSED
    assert "release.sbom-missing" in run.error
    assert "service 'research'" in run.error
    assert proxy.seen == []


def test_the_outcome_is_json_even_when_it_is_an_error(tmp_path: Path, registry: Registry) -> None:
    request = sets.make(tmp_path / "v1").request(registry.host)
    request["images"][0]["layers"] = []
    sets.run(request, tmp_path / "run")
    error = json.loads((tmp_path / "run" / "outcome.json").read_text())["error"]
    assert set(error) == {"code", "what", "details", "hint"}


def test_five_unchanged_images_take_few_requests(proxy: Proxy, tmp_path: Path) -> None:
    """Each is a round trip: at 50 ms and four at a time, 80 of them take a second."""
    release = sets.make(tmp_path / "v1")
    assert sets.run(release.request(proxy.host), tmp_path / "run").code == 0
    proxy.seen.clear()
    assert sets.run(release.request(proxy.host), tmp_path / "run").code == 0
    assert len(proxy.seen) <= 80
