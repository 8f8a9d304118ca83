"""The Docker Engine's API, asked of a server that gives prepared answers."""

from __future__ import annotations

import itertools
import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci.container_scripts.stack import engine
from tests.unit.container_scripts.stack.fake_engine import MULTIPLEXED, RAW, FakeEngine, frame

if TYPE_CHECKING:
    from pathlib import Path

BASE = "/v1.47"
PATH = f"{BASE}/thing"
LOGS = f"{BASE}/containers/x/logs"


def test_an_answer_is_read_as_json(fake_engine: FakeEngine) -> None:
    fake_engine.on("GET", PATH, b'{"a": ', b"[1]}")
    assert engine.ask("GET", "/thing") == {"a": [1]}


@pytest.mark.parametrize("status", [200, 201])
def test_no_answer_is_none(status: int, fake_engine: FakeEngine) -> None:
    fake_engine.on("POST", PATH, status=status)
    assert engine.ask("POST", "/thing") is None


@pytest.mark.parametrize(
    ("given_query", "sent"),
    [
        ({}, {}),
        ({"all": "1"}, {"all": "1"}),
        ({"repo": "a/b c&d=é"}, {"repo": "a/b c&d=é"}),
        ({"filters": {"label": ["a=b"]}}, {"filters": '{"label": ["a=b"]}'}),
    ],
)
def test_a_query_has_texts_as_they_are_and_json_of_the_rest(
    given_query: dict[str, Any], sent: dict[str, str], fake_engine: FakeEngine
) -> None:
    fake_engine.on("GET", PATH, b"[]")
    engine.ask("GET", "/thing", **given_query)
    (request,) = fake_engine.requests
    assert request.query == sent
    assert (request.body, request.content_type) == (b"", "")


def test_a_body_is_sent_as_json(fake_engine: FakeEngine) -> None:
    fake_engine.on("POST", PATH, b"{}", status=201)
    engine.ask("POST", "/thing", {"Name": "é"})
    (request,) = fake_engine.requests
    assert (json.loads(request.body), request.content_type) == ({"Name": "é"}, "application/json")


@pytest.mark.parametrize("status", [400, 404, 409, 500, 503])
def test_an_error_has_its_status_and_message(status: int, fake_engine: FakeEngine) -> None:
    fake_engine.on("GET", PATH, b'{"message": "no such thing"}', status=status)
    with pytest.raises(engine.Refused, match="no such thing") as caught:
        engine.ask("GET", "/thing")
    assert caught.value.status == status


@pytest.mark.parametrize("body", ["", "bad gateway", "{", "[]", '"text"', '{"error": 1}', "null"])
def test_an_error_that_is_not_of_docker_s_form_is_passed_on(body: str, fake_engine: FakeEngine) -> None:
    fake_engine.on("GET", PATH, body.encode(), status=502)
    with pytest.raises(engine.Refused) as caught:
        engine.ask("GET", "/thing")
    assert (caught.value.status, str(caught.value)) == (502, body)


def test_a_log_without_a_terminal_is_read_by_its_headers(fake_engine: FakeEngine) -> None:
    text = frame(b"out\n") + frame(b"err\n", 2) + frame(b"") + frame(b"\x01\x00\x00\x00 tail")
    fake_engine.on("GET", LOGS, text[:3], text[3:17], text[17:], content_type=MULTIPLEXED)
    assert b"".join(engine.output("x")) == b"out\nerr\n\x01\x00\x00\x00 tail"
    (request,) = fake_engine.requests
    assert request.query == {"stdout": "1", "stderr": "1"}


def test_a_log_of_a_terminal_is_read_as_it_is(fake_engine: FakeEngine) -> None:
    text = b"\x01\x00\x00\x00\x00\x00\x00\x05looks like a header\r\n"
    fake_engine.on("GET", LOGS, text[:5], text[5:], content_type=RAW)
    assert b"".join(engine.output("x", follow="1")) == text
    assert fake_engine.requests[0].query["follow"] == "1"


@pytest.mark.parametrize("kind", [MULTIPLEXED, RAW])
def test_an_empty_log_has_no_pieces(kind: str, fake_engine: FakeEngine) -> None:
    fake_engine.on("GET", LOGS, content_type=kind)
    assert list(engine.output("x")) == []


@pytest.mark.parametrize("length", [4, 8, 10])
def test_a_log_that_is_cut_ends(length: int, fake_engine: FakeEngine) -> None:
    fake_engine.on("GET", LOGS, frame(b"whole"), frame(b"rest")[:length], content_type=MULTIPLEXED)
    assert b"".join(engine.output("x")) == b"whole" + b"rest"[: max(0, length - 8)]


def test_a_log_that_cannot_be_read_is_an_error(fake_engine: FakeEngine) -> None:
    message = b'{"message": "configured logging driver does not support reading"}'
    fake_engine.on("GET", LOGS, message, status=501)
    with pytest.raises(engine.Refused) as caught:
        list(engine.output("x"))
    assert caught.value.status == 501


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(payloads=st.lists(st.binary(max_size=30)), cuts=st.lists(st.integers(0, 200)))
def test_frames_may_be_cut_anywhere(payloads: list[bytes], cuts: list[int], fake_engine: FakeEngine) -> None:
    text = b"".join(map(frame, payloads))
    edges = [0, *sorted(cuts), max([len(text), *cuts])]
    pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
    fake_engine.on("GET", LOGS, *pieces, content_type=MULTIPLEXED)
    assert list(engine.output("x")) == payloads


def test_an_image_is_loaded_from_its_file(fake_engine: FakeEngine, tmp_path: Path) -> None:
    file = tmp_path / "image.tar"
    file.write_bytes(b"tar" * 50_000)
    fake_engine.on("POST", f"{BASE}/images/load", b'{"stream": "Project image"}\r\n')
    engine.load(file)
    (request,) = fake_engine.requests
    assert (request.body, request.content_type) == (file.read_bytes(), "application/x-tar")


def test_an_error_in_the_answer_to_a_load_is_raised(fake_engine: FakeEngine, tmp_path: Path) -> None:
    file = tmp_path / "image.tar"
    file.write_bytes(b"tar")
    lines = b'{"stream": "unpacking"}\r\n\r\n', b'{"errorDetail": {}, "error": "no space left"}\r\n'
    fake_engine.on("POST", f"{BASE}/images/load", *lines)
    with pytest.raises(engine.Refused, match="no space left"):
        engine.load(file)


@pytest.mark.parametrize(("status", "raised"), [(204, ""), (404, ""), (409, ""), (500, "raised")])
def test_everything_is_removed_and_what_is_being_removed_is_no_error(
    status: int, raised: str, fake_engine: FakeEngine
) -> None:
    fake_engine.on("GET", f"{BASE}/containers/json", b'[{"Id": "one"}]')
    fake_engine.on("DELETE", f"{BASE}/containers/one", status=status)
    for kind in ("networks", "volumes"):
        fake_engine.on("POST", f"{BASE}/{kind}/prune")
    with pytest.raises(engine.Refused) if raised else nullcontext():
        engine.clear()
    sent = [(request.method, request.path.removeprefix(BASE)) for request in fake_engine.requests]
    assert sent[1] == ("DELETE", "/containers/one")
    assert (("POST", "/volumes/prune") in sent) is not bool(raised)


@pytest.mark.parametrize(("size", "pruned"), [(10, 0), (11, 1)])
def test_images_that_no_container_has_go_when_all_are_too_large(
    size: int, pruned: int, fake_engine: FakeEngine
) -> None:
    fake_engine.on("GET", f"{BASE}/system/df", json.dumps({"LayersSize": size}).encode())
    fake_engine.on("POST", f"{BASE}/images/prune")
    engine.bound_images(10)
    sent = [request for request in fake_engine.requests if request.method == "POST"]
    assert [json.loads(request.query["filters"]) for request in sent] == [{"dangling": ["false"]}] * pruned


@pytest.mark.parametrize(("status", "raised"), [(404, ""), (500, "raised")])
def test_a_snapshot_that_disappears_while_sizes_are_added_up_is_no_error(
    status: int, raised: str, fake_engine: FakeEngine
) -> None:
    fake_engine.on(
        "GET", f"{BASE}/system/df", b'{"message": "snapshot x-view does not exist"}', status=status
    )
    with pytest.raises(engine.Refused) if raised else nullcontext():
        engine.bound_images(10)
    assert [request.method for request in fake_engine.requests] == ["GET"]
