"""What is attached to a digest, with the referrers API and without."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ci.registry import referrers, uploads
from ci.registry.digests import MANIFEST, digest_of
from tests.raised import raises
from tests.unit.registry.fake import Fake, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.registry.client import Client

    Connect = Callable[..., Client]

KIND = "application/vnd.example+json"
IMAGE = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": []}).encode()


def pushed(client: Client, fake: Fake) -> str:
    subject = f"{fake.host}/team/web@{digest_of(IMAGE)}"
    client.put_manifest(subject, IMAGE)
    return subject


@pytest.mark.parametrize("api", [True, False])
def test_files_are_attached_listed_and_attached_again_without_effect(api: bool, connect: Connect) -> None:  # noqa: FBT001 - a parameter
    with Fake(referrers=api) as fake:
        client = connect(fake)
        subject = pushed(client, fake)
        for _ in range(2):
            referrers.attach(client, subject, [(b"one", KIND), (b"two", KIND)])
        assert [entry["artifactType"] for entry in referrers.referrers(client, subject)] == [KIND] * 2
        tag = digest_of(IMAGE).replace(":", "-")
        assert (tag in fake.tags["team/web"]) is not api


def test_what_is_listed_by_others_stays(connect: Connect) -> None:
    with Fake() as fake:
        client = connect(fake)
        subject = pushed(client, fake)
        referrers.attach(client, subject, [(b"theirs", KIND)])
        referrers.attach(client, subject, [(b"ours", KIND)])
        assert len(referrers.referrers(client, subject)) == 2


@pytest.mark.parametrize("api", [True, False])
def test_all_of_it_is_copied_and_what_refers_to_it_too(api: bool, connect: Connect) -> None:  # noqa: FBT001 - a parameter
    with Fake(referrers=api) as source, Fake() as target:
        client = connect(source)
        client._connections |= connect(target)._connections  # noqa: SLF001 - one client for both
        subject, copied = pushed(client, source), pushed(client, target)
        referrers.attach(client, subject, [(b"sbom", KIND)])
        (sbom,) = referrers.referrers(client, subject)
        referrers.attach(client, f"{source.host}/team/web@{sbom['digest']}", [(b"signature", KIND)])
        referrers.copy(client, subject, copied)
        (there,) = referrers.referrers(client, copied)
        assert there["digest"] == sbom["digest"]
        assert len(referrers.referrers(client, f"{target.host}/team/web@{sbom['digest']}")) == 1


def test_what_was_purged_is_left_out(connect: Connect) -> None:
    with Fake() as source, Fake() as target:
        client = connect(source)
        client._connections |= connect(target)._connections  # noqa: SLF001 - one client for both
        subject, copied = pushed(client, source), pushed(client, target)
        referrers.attach(client, subject, [(b"sbom", KIND)])
        (sbom,) = referrers.referrers(client, subject)
        del source.manifests["team/web"][sbom["digest"]]
        referrers.copy(client, subject, copied)
        assert referrers.referrers(client, copied) == []


def test_nothing_is_attached_to_what_is_not_there(connect: Connect) -> None:
    with Fake() as fake, raises("registry.subject-missing", digest_of(IMAGE)):
        referrers.attach(connect(fake), f"{fake.host}/team/web@{digest_of(IMAGE)}", [(b"one", KIND)])


def test_a_list_that_does_not_keep_what_is_put_is_an_error(connect: Connect) -> None:
    with Fake() as fake:
        client = connect(fake)
        subject = pushed(client, fake)
        fake.rule = lambda seen: Reply(201) if seen.is_a("PUT", "/manifests/sha256-") else None
        with raises("registry.attachment-lost", subject):
            referrers.attach(client, subject, [(b"one", KIND)])


def test_a_manifest_whose_blobs_are_gone_is_refused_with_its_code(connect: Connect) -> None:
    missing = {"layers": [{"digest": digest_of(b"gone")}], "schemaVersion": 2, "mediaType": MANIFEST}
    content = json.dumps(missing).encode()
    with Fake() as fake:
        client = connect(fake)
        client.put_blob(f"{fake.host}/team/web", digest_of(b"x"), uploads.of_bytes(b"x"))
        with raises("registry.blobs-missing"):
            client.put_manifest(f"{fake.host}/team/web:1", content)
