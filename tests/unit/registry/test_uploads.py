"""Blobs on their way: whole, in pieces, and from where they broke off."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest

from ci.registry import uploads
from ci.registry.digests import digest_of
from tests.raised import raises
from tests.unit.registry.fake import Fake, Reply, Seen, errors
from tests.unit.registry.test_client import PAGE, first

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ci.registry.client import Client
    from tests.unit.registry.fake import Fault

    Connect = Callable[..., Client]

LAYER = random.Random(1).randbytes(3 << 20)  # noqa: S311 - content
DIGEST = digest_of(LAYER)
MEBIBYTE = 1 << 20


def push(client: Client, fake: Fake, content: uploads.Content) -> None:
    client.put_blob(f"{fake.host}/team/web", DIGEST, content)
    assert fake.blobs["team/web"] == {DIGEST: LAYER}
    assert fake.uploads == {} or len(fake.uploads) <= len(fake.seen)


def test_a_blob_is_sent_whole_in_two_requests(connect: Connect) -> None:
    with Fake() as fake:
        push(connect(fake), fake, uploads.of_bytes(LAYER))
        assert [seen.method for seen in fake.seen] == ["POST", "PUT"]


def test_a_registry_that_names_no_digest_is_asked_for_the_blob(connect: Connect) -> None:
    with Fake(names_digests=False) as fake:
        push(connect(fake), fake, uploads.of_bytes(LAYER))
        assert [seen.method for seen in fake.seen] == ["POST", "PUT", "HEAD"]


def test_an_empty_blob_can_be_sent(connect: Connect) -> None:
    with Fake() as fake:
        connect(fake).put_blob(f"{fake.host}/team/web", digest_of(b""), uploads.of_bytes(b""))
        assert fake.blobs["team/web"] == {digest_of(b""): b""}


@pytest.mark.parametrize("largest", [MEBIBYTE, 300_000, 70_000])
def test_a_body_that_a_proxy_refuses_goes_in_pieces(largest: int, connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(LAYER)
    with Fake(largest=largest) as fake:
        client = connect(fake)
        push(client, fake, uploads.of_file(tmp_path / "layer"))
        assert (
            max(seen.size for seen in fake.seen if seen.method == "PATCH" and seen.size <= largest) > 60_000
        )
        # The next blob begins with pieces of the size that was found out.
        fake.seen.clear()
        fake.blobs.clear()
        push(client, fake, uploads.of_file(tmp_path / "layer"))
        assert not [seen for seen in fake.seen if seen.size > largest]


def test_pieces_that_are_refused_as_well_are_an_error_with_its_status(connect: Connect) -> None:
    with Fake(largest=5_000) as fake, raises("registry.body-too-large", "413", "client_max_body_size"):
        connect(fake).put_blob(f"{fake.host}/team/web", DIGEST, uploads.of_bytes(LAYER))


def test_pieces_are_not_smaller_than_the_registry_wants_them(connect: Connect) -> None:
    with Fake(least=2 * MEBIBYTE) as fake:
        fake.rule = first(1, "PUT", "/blobs/uploads/", Reply(413))
        push(connect(fake), fake, uploads.of_bytes(LAYER))
        assert [seen.size for seen in fake.seen if seen.method == "PATCH"] == [2 * MEBIBYTE, MEBIBYTE]


@pytest.mark.parametrize("fault", [Reply(503, PAGE), Reply(502), Reply(429, b"", {"Retry-After": "0"})])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "GET"])
def test_a_fault_that_passes_is_no_matter(method: str, fault: Fault, connect: Connect) -> None:
    with Fake(largest=MEBIBYTE) as fake:
        once = first(1, method, "/blobs/uploads/", fault)
        # So that there is something to ask for.
        broken = first(1, "PATCH", "/blobs/uploads/", fault)
        fake.rule = lambda seen: once(seen) or (broken(seen) if method == "GET" else None)
        push(connect(fake), fake, uploads.of_bytes(LAYER))


def test_it_goes_on_from_where_the_registry_says(connect: Connect) -> None:
    with Fake(largest=MEBIBYTE) as fake:
        fake.rule = first(2, "PATCH", "/blobs/uploads/", None)
        count = iter(range(100))
        fake.rule = lambda seen: (
            Reply(503) if seen.is_a("PATCH", "") and seen.size <= MEBIBYTE and next(count) == 2 else None
        )
        push(connect(fake), fake, uploads.of_bytes(LAYER))
        sent = [seen.size for seen in fake.seen if seen.method == "PATCH" and seen.size <= MEBIBYTE]
        assert sent == [MEBIBYTE] * 4
        assert fake.count("GET", "/blobs/uploads/") == 1


def test_a_first_piece_that_did_not_arrive_is_sent_from_its_first_byte(connect: Connect) -> None:
    """A registry answers 0-0 for an upload of nothing: whoever goes on at byte 1 sends another blob."""
    with Fake(largest=MEBIBYTE) as fake:
        fake.rule = first(1, "PATCH", "/blobs/uploads/", Reply(503))
        push(connect(fake), fake, uploads.of_bytes(LAYER))


def test_an_upload_that_the_registry_forgot_begins_again(connect: Connect) -> None:
    with Fake(largest=MEBIBYTE) as fake:

        def forget(seen: Seen) -> Fault:
            if seen.is_a("PATCH", "") and seen.size <= MEBIBYTE and not forgotten.is_set():
                forgotten.set()
                fake.uploads.clear()
            return None

        forgotten = threading.Event()
        fake.rule = forget
        push(connect(fake), fake, uploads.of_bytes(LAYER))


def test_a_changed_body_is_a_fault_of_the_transfer_as_long_as_the_file_is_right(
    connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "layer").write_bytes(LAYER)
    with Fake() as fake:
        fake.rule = first(2, "PUT", "/blobs/uploads/", Reply(400, errors("DIGEST_INVALID")))
        push(connect(fake), fake, uploads.of_file(tmp_path / "layer"))


def test_a_changed_file_is_named_at_once(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(LAYER[::-1])
    with Fake() as fake, raises("registry.digest-mismatch"):
        connect(fake).put_blob(f"{fake.host}/team/web", DIGEST, uploads.of_file(tmp_path / "layer"))


def test_an_end_whose_answer_was_lost_is_seen_to_be_there(connect: Connect) -> None:
    with Fake() as fake:
        fake.blobs["team/web"][DIGEST] = LAYER
        fake.rule = first(1, "PUT", "/blobs/uploads/", Reply(504))
        push(connect(fake), fake, uploads.of_bytes(LAYER))
        assert fake.count("PUT", "/blobs/uploads/") == 1


def test_a_blob_goes_from_one_registry_to_another_with_breaks_on_both_sides(connect: Connect) -> None:
    with Fake() as source, Fake(largest=MEBIBYTE) as target:
        source.blobs["team/web"][DIGEST] = LAYER
        reader = connect(source)
        content = reader.stored(f"{source.host}/team/web", DIGEST, len(LAYER))
        source.rule = first(1, "GET", "/blobs/", Reply(503))
        target.rule = first(1, "PATCH", "/blobs/uploads/", Reply(503))
        push(connect(target), target, content)
