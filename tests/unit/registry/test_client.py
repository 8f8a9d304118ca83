"""The client on registries of every kind, and with faults between."""

from __future__ import annotations

import itertools
import json
import time
from typing import TYPE_CHECKING

import pytest

from ci.registry import uploads
from ci.registry.digests import MANIFEST, digest_of
from ci.registry.retrying import Limits, RegistryError
from tests.raised import raises
from tests.unit.registry.fake import Cut, Fake, Late, Reply, Seen, errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.registry.client import Client
    from tests.unit.registry.fake import Fault

    Connect = Callable[..., Client]

IMAGE = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": []}).encode()
PAGE = (
    b"<html>\r\n<head><title>Bad</title></head>\r\n<body>\r\n<center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


def first(count: int, method: str, part: str, fault: Fault) -> Callable[[Seen], Fault]:
    """Return a rule that meets the first such requests with a fault."""
    met = itertools.count(1)
    return lambda seen: fault if seen.is_a(method, part) and next(met) <= count else None


def stored(fake: Fake, *tags: str) -> str:
    digest = digest_of(IMAGE)
    fake.manifests["team/web"][digest] = (MANIFEST, IMAGE)
    fake.tags["team/web"] |= dict.fromkeys(tags, digest)
    return digest


def test_what_is_there_is_read_and_what_is_not_is_none(connect: Connect) -> None:
    with Fake() as fake:
        digest = stored(fake, "1.0")
        client = connect(fake)
        web = f"{fake.host}/team/web"
        assert client.tags(web) == ("1.0",)
        assert client.tags(f"{fake.host}/team/other") == ()
        assert client.manifest(f"{web}:1.0") == client.manifest(f"{web}@{digest}") == IMAGE
        assert client.manifest(f"{web}:2.0") is None
        assert not client.has_blob(web, digest)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_page_of_a_proxy_is_waited_for(status: int, connect: Connect) -> None:
    with Fake() as fake:
        stored(fake, "1.0")
        fake.rule = first(3, "GET", "/tags/list", Reply(status, PAGE, {"Content-Type": "text/html"}))
        assert connect(fake).tags(f"{fake.host}/team/web") == ("1.0",)


def test_a_page_that_stays_is_shown_with_its_status(connect: Connect) -> None:
    with Fake() as fake:
        fake.rule = lambda _seen: Reply(503, PAGE)
        with raises("registry.unavailable", "503", "nginx"):
            connect(fake).tags(f"{fake.host}/team/web")


def test_absence_is_a_status_and_not_a_text(connect: Connect) -> None:
    body = b'{\n  "errors" : [ {\n    "code" : "NAME_UNKNOWN"\n  } ]\n}\n'
    with Fake() as fake:
        fake.rule = lambda _seen: Reply(404, body)
        assert connect(fake).tags(f"{fake.host}/team/web") == ()
        fake.rule = lambda _seen: Reply(404, PAGE)
        assert connect(fake).manifest(f"{fake.host}/team/web:1") is None


@pytest.mark.parametrize("fault", [Cut(10), Cut(0), Reply(200, IMAGE, length=len(IMAGE) + 5)])
def test_an_answer_that_breaks_off_is_asked_for_again(fault: Fault, connect: Connect) -> None:
    with Fake() as fake:
        digest = stored(fake)
        fake.rule = first(2, "GET", "/manifests/", fault)
        assert connect(fake).manifest(f"{fake.host}/team/web@{digest}") == IMAGE


def test_an_answer_shorter_than_its_digest_says_is_an_error(connect: Connect) -> None:
    with Fake() as fake:
        digest = stored(fake)
        fake.rule = lambda _seen: Reply(200, IMAGE[:10])
        with raises("registry.wrong-content", digest):
            connect(fake).manifest(f"{fake.host}/team/web@{digest}")


def test_a_blob_that_arrives_changed_is_read_again(connect: Connect) -> None:
    with Fake() as fake:
        fake.blobs["team/web"][digest_of(b"content")] = b"content"
        fake.rule = first(1, "GET", "/blobs/", Reply(200, b"another"))
        assert connect(fake).blob(f"{fake.host}/team/web", digest_of(b"content")) == b"content"


def test_a_late_first_byte_is_waited_for_within_the_limit_and_not_beyond(connect: Connect) -> None:
    with Fake() as fake:
        stored(fake, "1.0")
        fake.rule = lambda _seen: Late(0.3)
        assert connect(fake, Limits(seconds=2.0)).tags(f"{fake.host}/team/web") == ("1.0",)
        begun = time.monotonic()
        with raises("registry.timeout", "0.1 s"):
            connect(fake, Limits(seconds=0.1, pace=0.01)).tags(f"{fake.host}/team/web")
        assert time.monotonic() - begun < 2


def test_a_hundred_and_sixty_slow_pages_are_read_once(connect: Connect) -> None:
    names = tuple(f"sha-{number:07x}" for number in range(160))
    with Fake(page=1, page_seconds=0.01, extra_tags=names) as fake:
        # The limit is for one answer, not for all of them.
        assert connect(fake, Limits(seconds=1.0)).tags(f"{fake.host}/team/web") == names
        assert fake.count("GET", "/tags/list") == 160


def test_a_link_to_the_same_page_ends(connect: Connect) -> None:
    again = Reply(200, b'{"tags": ["a"]}', {"Link": '</v2/team/web/tags/list?n=1000>; rel="next"'})
    with Fake() as fake:
        fake.rule = lambda _seen: again
        assert connect(fake).tags(f"{fake.host}/team/web") == ("a",)


def test_a_list_that_is_none_is_an_error(connect: Connect) -> None:
    with Fake() as fake:
        fake.rule = lambda _seen: Reply(200, PAGE)
        with raises("registry.answer-incomplete", "list the tags"):
            connect(fake).tags(f"{fake.host}/team/web")


@pytest.mark.parametrize("status", [401, 403])
def test_a_repository_that_may_not_be_read_before_the_first_push(status: int, connect: Connect) -> None:
    with Fake(user="robot", password="secret", unknown=status) as fake:  # noqa: S106 - invented
        client = connect(fake, username="robot", password="secret")  # noqa: S106 - invented
        assert client.tags_if_readable(f"{fake.host}/team/web") is None
        with pytest.raises(RegistryError):
            client.tags(f"{fake.host}/team/web")


def test_wrong_credentials_are_not_taken_for_a_repository_that_is_not_there(connect: Connect) -> None:
    with Fake(user="robot", password="secret", unknown=401) as fake:  # noqa: S106 - invented
        client = connect(fake, username="robot", password="other")  # noqa: S106 - invented
        with raises("registry.unauthorized"):
            client.tags_if_readable(f"{fake.host}/team/web")


def test_a_registry_that_creates_nothing_is_found_out_before_anything_is_sent(connect: Connect) -> None:
    with Fake(creates=False) as fake:
        with raises("registry.repository-missing", f"{fake.host}/team/web"):
            connect(fake).check_writable(f"{fake.host}/team/web")
        fake.blobs["team/web"]["x"] = b""
        connect(fake).check_writable(f"{fake.host}/team/web")
        assert fake.uploads == {}


def test_a_locked_repository_is_found_out_before_anything_is_sent(connect: Connect) -> None:
    with Fake(locked=lambda _repository, _tag: True) as fake:
        with raises("registry.read-only", "405", "REGISTRY_DISALLOWED_OPERATION"):
            connect(fake).check_writable(f"{fake.host}/team/web")
        assert fake.manifests["team/web"] == {}
        fake.kind.locked = lambda _repository, _tag: False
        connect(fake).check_writable(f"{fake.host}/team/web")
        connect(fake).put_manifest(f"{fake.host}/team/web:1", b"{}")
        assert fake.manifests["team/web"]


def test_an_immutable_tag_is_told_by_its_code(connect: Connect) -> None:
    answer = Reply(400, errors("TAG_INVALID"))
    with Fake(locked=lambda _repository, tag: tag == "latest", lock_answer=answer) as fake:
        client = connect(fake)
        client.put_manifest(f"{fake.host}/team/web:1.0", IMAGE)
        with raises("registry.tag-immutable", f"{fake.host}/team/web:latest"):
            client.put_manifest(f"{fake.host}/team/web:latest", IMAGE)


def test_a_blob_is_mounted_or_sent_where_that_is_refused(connect: Connect) -> None:
    digest = digest_of(b"layer")
    for mounts in (True, False):
        with Fake(mounts=mounts) as fake:
            fake.blobs["team/base"][digest] = b"layer"
            client = connect(fake)
            source, web = f"{fake.host}/team/base", f"{fake.host}/team/web"
            sent = client.mount(source, web, digest, uploads.of_bytes(b"layer"))
            assert sent is not mounts
            assert fake.blobs["team/web"] == {digest: b"layer"}
            assert fake.count("POST", "/blobs/uploads/") == 1


def test_tokens_are_requested_once_for_each_repository_and_right(connect: Connect) -> None:
    with Fake(user="robot", password="secret", lists_need="metadata_read") as fake:  # noqa: S106 - invented
        client = connect(fake, username="robot", password="secret")  # noqa: S106 - invented
        for _ in range(3):
            client.tags(f"{fake.host}/team/web")
            client.put_blob(f"{fake.host}/team/web", digest_of(b"x"), uploads.of_bytes(b"x"))
        assert fake.count("GET", "/token") <= 4
        assert "repository:team/web:metadata_read" in fake.scopes


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_token_service_is_waited_for(status: int, connect: Connect) -> None:
    with Fake(user="robot", password="secret") as fake:  # noqa: S106 - invented
        fake.token_rule = first(2, "GET", "/token", Reply(status, PAGE, {"Retry-After": "0"}))
        client = connect(fake, username="robot", password="secret")  # noqa: S106 - invented
        assert client.tags(f"{fake.host}/team/web") == ()
        fake.token_rule = lambda _seen: Reply(status, PAGE)
        with raises("registry.token-service-unavailable", str(status)):
            connect(fake, username="robot", password="secret").tags(f"{fake.host}/a")  # noqa: S106 - invented


def test_a_token_that_is_refused_is_renewed_once(connect: Connect) -> None:
    with Fake(user="robot", password="secret") as fake:  # noqa: S106 - invented
        client = connect(fake, username="robot", password="secret")  # noqa: S106 - invented
        assert client.tags(f"{fake.host}/team/web") == ()
        fake.granted.clear()  # as if all had ended
        assert client.tags(f"{fake.host}/team/web") == ()


def test_credentials_go_nowhere_but_to_the_registry(connect: Connect) -> None:
    with Fake() as other, Fake(user="robot", password="secret") as fake:  # noqa: S106 - invented
        elsewhere = f"http://{other.host}/v2/team/web/blobs/x"
        fake.rule = lambda seen: Reply(307, b"", {"Location": elsewhere}) if "/blobs/" in seen.path else None
        other.rule = lambda _seen: Reply(200)
        client = connect(fake, username="robot", password="secret")  # noqa: S106 - invented
        client.tags(f"{fake.host}/team/web")
        assert client.has_blob(f"{fake.host}/team/web", "x")
        assert other.authorizations == [""]
