"""What is shown and recorded of a project while it runs."""

from __future__ import annotations

import itertools
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci.container_scripts.stack.journal import Journal
from ci.container_scripts.stack.secrecy import Hidden
from tests.unit.container_scripts.stack.fake_engine import MULTIPLEXED, RAW, Events, FakeEngine, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = "pass-word"  # noqa: S105 - a made-up one
MOMENT = 1_700_000_000
LABEL = "com.docker.compose"


@pytest.fixture
def events(fake_engine: FakeEngine) -> Iterator[Events]:
    """The engine's events; the stream ends with the test."""
    stream, threads = fake_engine.stream("/v1.47/events"), threading.active_count()
    yield stream
    stream.close()
    eventually(lambda: threading.active_count() <= threads)


@pytest.fixture
def journal(events: Events) -> Journal:  # noqa: ARG001 - prepared before
    return Journal("shop", Hidden([SECRET]))


def eventually(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def shown_of(capsys: pytest.CaptureFixture[str], lines: int) -> str:
    """Return what is printed, once there are so many lines."""
    texts: list[str] = []

    def enough() -> bool:
        texts.append(capsys.readouterr().err)
        return "".join(texts).count("\n") >= lines

    eventually(enough)
    return "".join(texts)


def event(action: str, identity: str = "abc", nano: int = 5, **labels: str) -> dict[str, Any]:
    names = {f"{LABEL}.service": "web", f"{LABEL}.container-number": "1"}
    names |= {f"{LABEL}.{name.replace('_', '-')}": text for name, text in labels.items()}
    actor = {"ID": identity, "Attributes": names}
    return {"Type": "container", "Action": action, "Actor": actor, "timeNano": MOMENT * 10**9 + nano}


def logs(fake_engine: FakeEngine, identity: str = "abc") -> list[dict[str, str]]:
    path = f"/v1.47/containers/{identity}/logs"
    return [request.query for request in fake_engine.requests if request.path == path]


def test_the_events_of_the_project_are_asked_for(fake_engine: FakeEngine, journal: Journal) -> None:
    assert journal.events == []
    filters = json.loads(fake_engine.requests[0].query["filters"])
    assert filters["label"] == [f"{LABEL}.project=shop"]
    assert filters["type"] == ["container"]
    assert {"start", "die", "kill", "health_status"} <= set(filters["event"])


def test_each_event_is_recorded_and_wakes_who_waits(events: Events, journal: Journal) -> None:
    for action in ("create", "health_status: healthy", "kill"):
        events.send(event(action))
        assert journal.changed.wait(10)
        journal.changed.clear()
    assert [each["Action"] for each in journal.events] == ["create", "health_status: healthy", "kill"]


@pytest.mark.parametrize(
    ("number", "kind", "pieces", "shown"),
    [
        ("1", MULTIPLEXED, (frame(b"one\ntw"), frame(b"o\n", 2)), "web | one\nweb | two\n"),
        ("2", RAW, (b"one\r\nt", b"wo"), "web-2 | one\r\nweb-2 | two\n"),
    ],
)
def test_a_container_that_starts_is_followed(  # noqa: PLR0913, PLR0917 - fixtures
    number: str,
    kind: str,
    pieces: tuple[bytes, ...],
    shown: str,
    fake_engine: FakeEngine,
    events: Events,
    journal: Journal,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_engine.on("GET", "/v1.47/containers/abc/logs", *pieces, content_type=kind)
    events.send(event("create", container_number=number))
    events.send(event("start", container_number=number))
    assert shown_of(capsys, 2) == shown
    assert len(journal.events) == 2


def test_a_later_start_shows_what_is_new(fake_engine: FakeEngine, events: Events, journal: Journal) -> None:
    fake_engine.on("GET", "/v1.47/containers/abc/logs", content_type=MULTIPLEXED)
    events.send(event("start", nano=5))
    eventually(lambda: len(logs(fake_engine)) == 1)
    events.send(event("die", nano=6))
    events.send(event("start", nano=7))
    eventually(lambda: len(logs(fake_engine)) == 2)
    first, later = logs(fake_engine)
    assert first["follow"] == later["follow"] == "1"
    assert float(first["since"]) < MOMENT
    assert later["since"] == f"{MOMENT}.000000007"
    assert len(journal.events) == 3


def test_the_first_start_of_a_container_is_known(
    fake_engine: FakeEngine, events: Events, journal: Journal
) -> None:
    for identity in ("abc", "other"):
        fake_engine.on("GET", f"/v1.47/containers/{identity}/logs", content_type=MULTIPLEXED)
    assert journal.first_start("abc") == 0
    sent = [event("create"), event("start", "other", 10**9), event("start", nano=2 * 10**9)]
    for each in [*sent, event("start", nano=3 * 10**9)]:
        events.send(each)
    eventually(lambda: len(journal.events) == 4)
    assert (journal.first_start("abc"), journal.first_start("other")) == (MOMENT + 2, MOMENT + 1)
    assert journal.first_start("nobody") == 0


def test_a_container_of_compose_run_is_not_shown_twice(
    fake_engine: FakeEngine, events: Events, journal: Journal
) -> None:
    fake_engine.on("GET", "/v1.47/containers/abc/logs", content_type=MULTIPLEXED)
    events.send(event("start", "suite", oneoff="True"))
    events.send(event("start", oneoff="False"))
    eventually(lambda: len(logs(fake_engine)) == 1)
    assert [each["Actor"]["ID"] for each in journal.events] == ["suite", "abc"]
    assert logs(fake_engine, "suite") == []


def test_a_log_that_cannot_be_read_is_said_and_ends_nothing(
    fake_engine: FakeEngine, events: Events, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    message = json.dumps({"message": f"no reading of {SECRET}"}).encode()
    fake_engine.on("GET", "/v1.47/containers/abc/logs", message, status=501)
    events.send(event("start"))
    text = shown_of(capsys, 1)
    assert text.startswith("web | ")
    assert "no reading of ***" in text
    events.send(event("die"))
    eventually(lambda: len(journal.events) == 2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(
    lines=st.lists(st.sampled_from(["", "a", "é 🔑", f"x {SECRET} y", SECRET, "|"]), max_size=5),
    cuts=st.lists(st.integers(0, 60)),
)
def test_lines_are_whole_wherever_their_pieces_are_cut(
    lines: list[str], cuts: list[int], journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "".join(f"{line}\n" for line in lines).encode()
    edges = [0, *sorted(cuts), max([len(text), *cuts])]
    journal.show("job", [text[start:end] for start, end in itertools.pairwise(edges)])
    shown = capsys.readouterr().err
    assert shown == "".join(f"job | {line.replace(SECRET, '***')}\n" for line in lines)


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        ([], ""),
        ([b"no end"], "job | no end\n"),
        ([b"a\n\nb"], "job | a\njob | \njob | b\n"),
        ([b"\xff\xfe\n"], "job | \ufffd\ufffd\n"),
        ([SECRET[:4].encode(), SECRET[4:].encode()], "job | ***\n"),
    ],
)
def test_what_is_no_whole_line_is_shown_as_one(
    pieces: list[bytes], shown: str, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.show("job", pieces)
    assert capsys.readouterr().err == shown


def test_a_secret_of_several_lines_is_hidden_in_each(
    events: Events,  # noqa: ARG001 - prepared before
    capsys: pytest.CaptureFixture[str],
) -> None:
    Journal("shop", Hidden(["first line\nsecond line\n"])).show(
        "job", [b"first line\nsec", b"ond line\nend\n"]
    )
    assert capsys.readouterr().err == "job | ***\njob | ***\njob | end\n"
