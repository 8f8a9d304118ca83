"""The whole program on registries that are not as Debian's, and behind proxies that answer for them."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.release import sets
from tests.unit.registry.fake import Fake, Reply, Seen, errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.registry.fake import Fault

PAGE = b"<html>\r\n<title>503</title>\r\n<body>\r\n<center>nginx</center>\r\n</body>\r\n</html>\r\n"


@pytest.fixture
def two(tmp_path: Path) -> sets.Set:
    """Two images of a release: enough to see what is shared and what is not."""
    return sets.make(tmp_path / "v1", services=("agent", "gateway"))


def request_to(fake: Fake, images: sets.Set, folder: Path, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    request = images.request(fake.host, **{"limits": {"seconds": 10.0, "pace": 0.02}, **changes})
    if fake.kind.user:
        (folder / "password").write_text(fake.kind.password)
        request["registries"][0] |= {"username": fake.kind.user, "password_file": str(folder / "password")}
    request["repositories"] = [image["repository"] for image in request["images"]]
    return request


def assert_released(fake: Fake, images: sets.Set) -> None:
    for image in images.images:
        found = fake.tags[f"shop/{image.service}"]
        wanted = [*images.fixed, *images.moving]
        assert {tag: found.get(tag) for tag in wanted} == dict.fromkeys(wanted, image.digest)
        manifests = fake.manifests[f"shop/{image.service}"]
        assert image.digest in manifests
        # SBOM, provenance and release.json.
        assert len(fake.attached(f"shop/{image.service}", image.digest)) == 3


KINDS: dict[str, dict[str, Any]] = {
    "referrers": {"referrers": True},
    "harbor": {"referrers": True, "type_of_list": "application/vnd.oci.empty.v1+json"},
    "quay": {"user": "robot", "password": "secret", "unknown": 401},
    "ghcr": {"user": "robot", "password": "secret", "unknown": 403},
    "azure": {"user": "robot", "password": "secret", "referrers": True, "lists_need": "metadata_read"},
    "no mounts": {"mounts": False},
    "no digests in answers": {"names_digests": False},
    "nginx": {"largest": 1 << 20},
    "small pieces": {"largest": 70_000},
    "large pieces": {"largest": 1 << 20, "least": 128 << 10},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_published_to_verified_and_published_to_again(
    kind: str, two: sets.Set, tmp_path: Path
) -> None:
    with Fake(**KINDS[kind]) as fake:
        request = request_to(fake, two, tmp_path)
        for command in ("reach", "push", "push"):
            run = sets.run(request, tmp_path / "run", command)
            assert (run.code, run.error) == (0, "")
        assert [image["sent"] for image in run.outcome["images"]] == [0, 0]
        assert_released(fake, two)
        verification = two.verification(fake.host) | {"registries": request["registries"]}
        assert sets.run(verification, tmp_path / "run", "verify").code == 0


def test_a_registry_that_creates_nothing_is_told_before_anything_is_built(
    two: sets.Set, tmp_path: Path
) -> None:
    with Fake(creates=False) as fake:
        run = sets.run(request_to(fake, two, tmp_path), tmp_path / "run", "reach")
        assert run.code == sets.REFUSED
        assert "registry.repository-missing" in run.error
        assert f"{fake.host}/shop/agent" in run.error


@pytest.mark.parametrize(
    ("asks", "code"), [(True, "registry.repository-missing"), (False, "registry.absent")]
)
def test_a_push_that_asks_first_sends_nothing_if_one_repository_is_missing(
    two: sets.Set, tmp_path: Path, code: str, *, asks: bool
) -> None:
    there = {"sha256:of-before": b"x"}
    with Fake(creates=False) as fake:
        fake.blobs["shop/agent"] |= there
        request = request_to(fake, two, tmp_path)
        request["reach"] = asks
        run = sets.run(request, tmp_path / "run")
        assert run.code == sets.REFUSED
        assert code in run.error
        assert (fake.blobs["shop/agent"] == there) == asks


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Reply(405, errors("REGISTRY_DISALLOWED_OPERATION", "locked")), "registry.read-only"),
        (Reply(400, errors("TAG_INVALID", "immutable")), "registry.tag-immutable"),
        (Reply(412, errors("PRECONDITION", "immutable")), "registry.tag-immutable"),
    ],
)
def test_a_locked_tag_is_named_and_unlocked_it_completes(
    answer: Reply, code: str, two: sets.Set, tmp_path: Path
) -> None:
    with Fake(locked=lambda name, tag: (name, tag) == ("shop/gateway", "latest"), lock_answer=answer) as fake:
        run = sets.run(request_to(fake, two, tmp_path), tmp_path / "run")
        assert run.code == sets.REFUSED
        assert f"tagging was interrupted ({code})" in run.error
        assert "gateway:latest" in run.error
        fake.kind.locked = lambda _name, _tag: False
        assert sets.run(request_to(fake, two, tmp_path), tmp_path / "run").code == 0
        assert_released(fake, two)


def test_a_locked_repository_is_told_before_anything_is_built(two: sets.Set, tmp_path: Path) -> None:
    with Fake(locked=lambda name, _tag: name == "shop/gateway") as fake:
        run = sets.run(request_to(fake, two, tmp_path), tmp_path / "run", "reach")
        assert "registry.read-only" in run.error
        assert "405" in run.error
        assert fake.tags == {}


@pytest.mark.parametrize("referrers", [True, False])
def test_what_was_purged_is_named_and_attached_again_without_a_layer(
    two: sets.Set, tmp_path: Path, *, referrers: bool
) -> None:
    with Fake(referrers=referrers) as fake:
        request = request_to(fake, two, tmp_path)
        assert sets.run(request, tmp_path / "run").code == 0
        digest = two.images[0].digest
        for entry in fake.attached("shop/agent", digest):
            del fake.manifests["shop/agent"][entry["digest"]]
        verification = two.verification(fake.host)
        run = sets.run(verification, tmp_path / "run", "verify")
        assert "registry.attachment-missing" in run.error
        assert f"{fake.host}/shop/agent@{digest}" in run.error
        run = sets.run(request, tmp_path / "run")
        assert (run.code, [image["sent"] for image in run.outcome["images"]]) == (0, [0, 0])
        assert [image["moved"] for image in run.outcome["images"]] == [[], []]
        assert sets.run(verification, tmp_path / "run", "verify").code == 0


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_token_service_is_waited_for(status: int, two: sets.Set, tmp_path: Path) -> None:
    with Fake(user="robot", password="secret") as fake:  # noqa: S106 - invented
        count = itertools.count(1)
        busy = Reply(status, errors("TOOMANYREQUESTS"), {"Retry-After": "0"})
        fake.token_rule = lambda _seen: busy if next(count) % 3 == 0 else None
        run = sets.run(request_to(fake, two, tmp_path), tmp_path / "run")
        assert (run.code, run.error) == (0, "")
        assert f"the registry's token service answered {status}; trying again" in run.said
        # A token for each repository to read, and one to write; not one for each request.
        assert fake.count("GET", "/token") < 12


def test_a_hundred_and_sixty_pages_are_read_for_a_version_and_never_for_a_branch(
    tmp_path: Path,
) -> None:
    names = tuple(f"sha-{number:07x}" for number in range(160))
    release = sets.make(tmp_path / "v1", services=("agent",))
    main = sets.make(tmp_path / "main", version="", services=("agent",))
    with Fake(page=1, page_seconds=0.02, extra_tags=names) as fake:
        assert sets.run(request_to(fake, main, tmp_path), tmp_path / "run").code == 0
        assert fake.count("GET", "/tags/list") == 0
        run = sets.run(request_to(fake, release, tmp_path, limits={"seconds": 2.0}), tmp_path / "run")
        assert (run.code, run.error) == (0, "")
        # Before the upload, before the tags and after them.
        assert fake.count("GET", "/tags/list") <= 3 * 170


def at_random(status: int) -> Iterator[Fault]:
    """Yield a proxy's page for every tenth request or so: six in a row are then as good as never."""
    chance = random.Random(status)  # noqa: S311 - the same each time
    while True:
        yield Reply(status, PAGE, {"Content-Type": "text/html"}) if chance.random() < 0.1 else None


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_many_answers_are_a_proxy_s_page(status: int, two: sets.Set, tmp_path: Path) -> None:
    with Fake(largest=100_000) as fake:
        faults = at_random(status)
        fake.rule = lambda _seen: next(faults)
        run = sets.run(request_to(fake, two, tmp_path), tmp_path / "run")
        assert (run.code, run.error) == (0, "")
        assert_released(fake, two)


def test_a_page_that_stays_is_shown_with_its_status(two: sets.Set, tmp_path: Path) -> None:
    with Fake() as fake:
        fake.rule = lambda seen: Reply(503, PAGE) if seen.is_a("PUT", "/manifests/1.2.3") else None
        run = sets.run(request_to(fake, two, tmp_path), tmp_path / "run")
        assert "the registry answered 503" in run.error
        assert "nginx" in run.error
        assert "</html>" not in run.error


def test_a_layer_that_no_piece_is_small_enough_for_is_told_with_413(two: sets.Set, tmp_path: Path) -> None:
    with Fake(largest=5_000) as fake:
        run = sets.run(request_to(fake, two, tmp_path), tmp_path / "run")
        assert "registry.body-too-large" in run.error
        assert "413" in run.error
        assert fake.tags == {}


def test_no_credentials_are_sent_before_the_registry_asks(two: sets.Set, tmp_path: Path) -> None:
    with Fake(user="robot", password="secret") as fake:  # noqa: S106 - invented
        sets.run(request_to(fake, two, tmp_path), tmp_path / "run", "reach")
        assert fake.authorizations[0] == ""


def test_a_registry_without_tls_elsewhere_is_told_with_the_way_to_reach_it(
    two: sets.Set, tmp_path: Path
) -> None:
    with Fake() as fake:
        request = request_to(fake, two, tmp_path)
        request["registries"][0]["plain_http"] = False
        run = sets.run(request, tmp_path / "run", "reach")
        assert "registry.tls-absent" in run.error
        assert "tcp://HOST:PORT" in run.error
        assert "trying again" not in run.said
        assert fake.seen == []


def test_nothing_was_ever_deleted(two: sets.Set, tmp_path: Path) -> None:
    with Fake() as fake:
        for command in ("reach", "push"):
            sets.run(request_to(fake, two, tmp_path), tmp_path / "run", command)

        def is_deletion(seen: Seen) -> bool:
            return seen.method == "DELETE" and "/blobs/uploads/" not in seen.path

        assert not [seen for seen in fake.seen if is_deletion(seen)]
